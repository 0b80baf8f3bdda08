// The brush that marks what is inpainted. Owns: canvas, tools, keyboard. Refuses to know: what is generated
// from it, and where the image comes from (`start_image.js` tells). Value: see `mask_brush.py`.
import {fileUrl} from '../core/address.js';
import {call, partsOf} from '../core/calls.js';
import {hear, tell} from '../core/channel.js';
import {el} from '../core/dom.js';
import {count, fileName} from '../core/format.js';
import {labelled} from '../core/icons.js';
import {dropsOf, maskPicker, tintedImage} from '../core/mask_file.js';
import {
  begun,
  extended,
  LEAST,
  mostSize,
  onImage,
  paint,
  readMask,
  sentMask,
  steppedSize,
  undone,
  usualSize,
} from '../core/mask_strokes.js';
import {message} from '../core/notices.js';
import {ownValue} from '../core/own_value.js';

const COLOUR = '#ff3b6b';
const LONGEST = 1024; // pixels of the canvas: strokes are kept in the image's own
const SAME = 'same';
const OWN = 'own';
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
const HELP =
  'Paint with the mouse or a finger. With the keyboard: arrow keys move the brush, Space paints, ' +
  '[ and ] change its size.';

class MaskBrush {
  constructor(part) {
    Object.assign(this, {element: part.element, server: part.server, upload: part.upload});
    this.image = null; // {path, large, width, height}
    this.strokes = [];
    this.file = null; // a mask that was brought: {path, image}
    this.waiting = null; // what Python has set, until its image is here
    this.size = LEAST;
    this.erase = false;
    this.stack = null; // null: the lane's; '' or the id of a saved one; or the items of an image's own
    this.fresh = false; // whether images are generated first, and inpainted then
    this.cursor = null; // [x, y] of the keyboard's brush
    this.keep = ownValue(part, () => this.cleared(part.props.value));
    this.send = (value) => {
      this.keep(value);
      part.trigger('input', value);
    };
    this.canvas = this.q('.mb-canvas');
    this.canvas.setAttribute('aria-label', `Mask. ${HELP}`);
    this.canvas.title = HELP;
  }

  q(selector) {
    return this.element.querySelector(selector);
  }

  /** Python has put another value in its place: nothing, or the mask of an image that came back. */
  cleared(value) {
    this.waiting = readMask(value);
    if (this.waiting) this.adopt();
    else this.setStrokes([], null);
  }

  /** Takes over what Python has set, once its image is here. */
  async adopt() {
    const {waiting, image} = this;
    if (!waiting || waiting.image !== image?.path) return;
    this.waiting = null;
    Object.assign(this, {fresh: waiting.fresh, stack: waiting.stack});
    await this.bring(
      async () => waiting.file && call(this.server.describe_mask({path: waiting.file})),
      waiting.strokes,
    );
    await this.stacks();
  }

  /** A mask as a file: `find()` gives it as Python describes it. */
  async bring(find, strokes = []) {
    this.q('.mb-trouble').replaceChildren();
    try {
      const found = await find();
      const file = found ? {path: found.path, image: await tintedImage(fileUrl(found.large))} : null;
      this.setStrokes(strokes, file);
    } catch (error) {
      this.q('.mb-trouble').replaceChildren(message(partsOf(error, 'This mask could not be read'), 'error'));
    }
  }

  async takeFile(file) {
    await this.bring(async () => {
      const sent = await this.upload(file);
      return call(this.server.take_mask({path: sent.path, image: this.image.path}));
    });
  }

  take(image) {
    if (image?.path === this.image?.path) return;
    this.image = image;
    this.strokes = [];
    this.file = null;
    this.q('.mb-trouble').replaceChildren();
    this.cursor = null;
    if (image) {
      this.size = usualSize(image);
      this.q('.mb-stage img').src = fileUrl(image.large);
      const scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
      this.canvas.width = Math.max(1, Math.round(image.width * scale));
      this.canvas.height = Math.max(1, Math.round(image.height * scale));
    }
    if (this.waiting && this.waiting.image === image?.path) this.adopt();
    else this.changed();
  }

  changed() {
    this.send(sentMask(this.image, this.strokes, this));
    this.render();
  }

  setStrokes(strokes, file = this.file) {
    Object.assign(this, {strokes, file});
    this.changed();
  }

  resize(by) {
    this.size = steppedSize(this.size, by, this.image);
    this.render();
  }

  point(event) {
    return onImage({x: event.clientX, y: event.clientY}, this.canvas.getBoundingClientRect(), this.image);
  }

  down(event) {
    if (event.button || !this.image) return;
    event.preventDefault(); // no dragging of the image, no selecting
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.focus({preventScroll: true});
    this.painting = event.pointerId;
    this.cursor = null;
    this.strokes = begun(this.strokes, this, this.point(event));
    this.draw();
  }

  move(event) {
    if (event.pointerId !== this.painting) return;
    const all = event.getCoalescedEvents?.() || [];
    for (const one of all.length ? all : [event]) this.strokes = extended(this.strokes, this.point(one));
    this.draw();
  }

  up(event) {
    if (event.pointerId !== this.painting) return;
    this.painting = null;
    this.changed();
  }

  key(event) {
    const {image} = this;
    if (!image || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = ARROWS[event.key];
    const at = this.cursor || [image.width / 2, image.height / 2];
    const within = (value, most) => Math.min(Math.max(value, 0), most);
    if (by) {
      const step = Math.max(1, Math.round(this.size / 2));
      this.cursor = [within(at[0] + by[0] * step, image.width), within(at[1] + by[1] * step, image.height)];
      this.draw();
    } else if (event.key === ' ' || event.key === 'Enter') {
      this.cursor = at;
      this.setStrokes(begun(this.strokes, this, at));
    } else if (event.key === '[' || event.key === ']') this.resize(event.key === ']' ? 1 : -1);
    else return;
    event.preventDefault();
  }

  draw() {
    const context = this.canvas.getContext('2d');
    const scale = this.canvas.width / this.image.width;
    paint(context, this.strokes, scale, COLOUR, this.file?.image);
    if (!this.cursor) return;
    const [x, y] = this.cursor;
    context.lineWidth = 2;
    context.strokeStyle = this.erase ? '#ffffff' : COLOUR;
    context.beginPath();
    context.arc(x * scale, y * scale, Math.max((this.size * scale) / 2, 2), 0, 2 * Math.PI);
    context.stroke();
  }

  words() {
    if (!this.strokes.length && !this.file) return 'Nothing is marked: the whole image is the start.';
    if (this.fresh) return 'Images are generated first; then what is coloured is inpainted in each.';
    return 'What is coloured is inpainted; everything else stays as it is.';
  }

  render() {
    const {image, strokes} = this;
    this.q('.mb-none').hidden = Boolean(image);
    this.q('.mb-work').hidden = !image;
    if (!image) return;
    const range = this.q('.mb-size');
    range.max = mostSize(image);
    range.value = this.size;
    range.setAttribute('aria-valuetext', count(this.size, 'pixel'));
    this.q('.mb-erase').setAttribute('aria-checked', String(this.erase));
    this.q('.mb-undo').disabled = !strokes.length;
    this.q('.mb-clear').disabled = !(strokes.length || this.file);
    this.q('.mb-fresh button').setAttribute('aria-checked', String(this.fresh));
    this.q('.mb-said').textContent = `${this.words()} Brush: ${this.size} px.`;
    this.draw();
  }

  build() {
    const size = el('input.cs-range.mb-size', {
      type: 'range',
      min: LEAST,
      step: 1,
      'aria-label': 'Brush size',
      oninput: () => {
        this.size = Number(size.value);
        this.render();
      },
    });
    const flip = (label, onclick) =>
      el('button.cs-switch', {type: 'button', role: 'switch', 'aria-label': label, 'aria-checked': 'false', onclick});
    const erase = flip('Erase', () => {
      this.erase = !this.erase;
      this.render();
    });
    const fresh = flip('Second pass on new images', () => {
      this.fresh = !this.fresh;
      this.changed();
    });
    const picker = maskPicker((file) => this.takeFile(file));
    erase.classList.add('mb-erase');
    this.q('.mb-fresh').replaceChildren(fresh, 'Second pass: generate new images, then inpaint this part of them');
    this.q('.mb-tools').replaceChildren(
      el('label.cs-small.mb-tool', {}, 'Brush', size),
      el('span.cs-small.mb-tool', {}, 'Erase', erase),
      labelled('undo', 'Undo', () => this.setStrokes(undone(this.strokes)), '.cs-quiet.mb-undo'),
      labelled('trash', 'Clear', () => this.setStrokes([], null), '.cs-quiet.mb-clear'),
      labelled('plus', 'Mask file', () => picker.click(), '.cs-quiet'),
      picker,
    );
  }

  /** The stacks that are saved now; the choice stays while its stack is there. */
  async stacks() {
    const select = this.q('.mb-stack select');
    const own = Array.isArray(this.stack);
    const chosen = own ? OWN : this.stack === null ? SAME : this.stack && `:${this.stack}`;
    const entries = [
      [SAME, 'the stack of the lane'],
      ['', 'none: the base alone'],
    ];
    if (own)
      entries.push([OWN, `its own: ${this.stack.map(({path}) => fileName(path)).join(', ') || 'the base alone'}`]);
    try {
      for (const {id, name} of await call(this.server.saved_stacks({}))) entries.push([`:${id}`, name]);
    } catch {
      return; // the list stays as it was
    }
    select.replaceChildren(...entries.map(([value, text]) => el('option', {value}, text)));
    select.value = entries.some(([value]) => value === chosen) ? chosen : SAME;
    this.choose(select.value);
  }

  choose(value) {
    if (value !== OWN) this.stack = value === SAME ? null : value.slice(1);
  }

  listen() {
    const {canvas} = this;
    canvas.addEventListener('pointerdown', (event) => this.down(event));
    canvas.addEventListener('pointermove', (event) => this.move(event));
    for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, (event) => this.up(event));
    canvas.addEventListener('keydown', (event) => this.key(event));
    const select = this.q('.mb-stack select');
    select.addEventListener('focus', () => this.stacks());
    select.addEventListener('change', () => {
      this.choose(select.value);
      this.changed();
    });
    hear(this.element, 'studio:start-image', (image) => this.take(image));
    dropsOf(this.q('.mb-stage'), (file) => this.takeFile(file));
  }
}

export function mount(part) {
  const brush = new MaskBrush(part);
  brush.waiting = readMask(part.props.value); // set while the part of the form was closed
  brush.build();
  brush.listen();
  brush.render();
  brush.stacks();
  tell('studio:start-image?', (image) => brush.take(image));
}
