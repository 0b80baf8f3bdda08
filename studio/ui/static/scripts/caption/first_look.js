// The first images of a large dataset, to look at while its captions are read. Owns: this look, which goes when
// the dataset is there. Refuses to know: what is done with images.
import {fileUrl} from '../core/address.js';
import {el, sharpen} from '../core/dom.js';
import {count} from '../core/format.js';
import {itemsInView, layout, placeOf} from './list_rules.js';

const MANY = 500;

/** Whether reading all captions of so many images takes long enough to be waited for. */
export const isLarge = (images) => images > MANY;

export class FirstLook {
  constructor() {
    this.words = el('p', {role: 'status', style: {margin: '0'}});
    this.canvas = el('div.cs-captions', {'aria-hidden': 'true'});
    this.node = el('div.cs-stack.cs-hidden', {}, this.words, this.canvas);
  }

  /** Shows the first images once their small copies are there. `width` is that of the grid's cells;
   *  `ask(most)` answers with file → {path} of a small copy or {problem}. */
  async show(name, images, width, ask) {
    this.canvas.replaceChildren();
    this.words.textContent = `Reading the captions of ${count(images, 'image')} in ${name} …`;
    this.node.classList.remove('cs-hidden');
    const lay = layout(this.canvas.clientWidth, width);
    const [, most] = itemsInView(lay, 0, this.canvas.clientHeight);
    const found = await ask(most);
    const cells = Object.entries(found).map(([file, copy], index) => cell(file, copy, lay, placeOf(lay, index)));
    this.canvas.replaceChildren(...cells);
    const loaded = [...this.canvas.querySelectorAll('img')].map((image) => image.decode().catch(() => null));
    await Promise.all(loaded); // before the page has more to do
  }
  hide() {
    this.node.classList.add('cs-hidden');
    this.canvas.replaceChildren();
  }
}

function cell(file, {path}, {cell: width, height}, [left, top]) {
  const image = path && el('img', {alt: '', src: fileUrl(path), draggable: 'false'});
  image?.addEventListener('load', () => sharpen(image, 160));
  const inner = el(
    'div.cs-caption-inner',
    {},
    el('span.cs-caption-image', {style: {flex: '1', 'min-height': '0'}}, image),
    el('div.cs-input.cs-skeleton', {style: {height: '72px', flex: 'none'}}),
    el('div.cs-caption-foot', {}, el('span.cs-caption-name.cs-small.cs-muted', {}, file)),
  );
  const style = {width: `${width}px`, height: `${height}px`, transform: `translate(${left}px, ${top}px)`};
  return el('div.cs-cell.cs-caption-cell', {style}, inner);
}
