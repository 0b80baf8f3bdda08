// Every generated image: searched, marked, deleted and brought back, sent elsewhere.
// Refuses to know: what is written in an image, how it is found.
import {fileUrl} from '../core/address.js';
import {attempt, call} from '../core/calls.js';
import {hear, lanesNow, tell} from '../core/channel.js';
import {el, sharpen} from '../core/dom.js';
import {count, fileName} from '../core/format.js';
import {openTab} from '../core/handover.js';
import {iconButton} from '../core/icons.js';
import {menuButton} from '../core/menu.js';
import {notice} from '../core/notices.js';
import {debounce} from '../core/timing.js';
import {enlargeImage} from './large_view.js';

const VIEWS = [
  ['all', 'All'],
  ['favourites', 'Favourites'],
  ['trash', 'Trash'],
];
const NONE = {
  all: ['No image yet', 'What you generate appears here.'],
  favourites: ['No favourites yet', 'Mark images with the star; they are kept here.'],
  trash: ['The trash holds no images', 'Deleted images can be brought back from here.'],
};
const NOTHING = ['Nothing fits', 'The search looks at prompts, model, adapters, sampler and seed.'];
const PAGE = 60;
const MOST_DATASETS = 20;
const TYPING = 250; // milliseconds

class Gallery {
  constructor({element, trigger, server}) {
    Object.assign(this, {element, trigger, server});
    this.view = 'all';
    this.images = [];
    this.total = 0;
    this.asked = 0; // which question the answer has to belong to
  }

  q(selector) {
    return this.element.querySelector(selector);
  }
  get visible() {
    return this.element.offsetParent !== null;
  }

  async load(more = false) {
    if (!this.visible) return;
    this.asked += 1;
    const mine = this.asked;
    const {length} = this.images; // as many as are shown now are shown again
    const part = more ? {offset: length, count: PAGE} : {offset: 0, count: Math.max(PAGE, length)};
    const ask = {query: this.q('.ga-search').value, view: this.view, ...part};
    const found = await attempt(() => call(this.server.images(ask)));
    if (!found || mine !== this.asked) return;
    this.images = more ? [...this.images, ...found.images] : found.images;
    this.total = found.count;
    this.render();
    this.q('.ga-said').textContent = found.unread
      ? `${count(found.count, 'image')} so far, ${found.unread} still to be read …`
      : count(found.count, 'image');
    if (found.unread) this.load();
  }

  /** Another list, from its beginning. */
  anew() {
    this.images = [];
    return this.load();
  }

  /** Runs a call about one image and shows what has become of the list. */
  async change(action, said) {
    const done = await attempt(async () => {
      await action();
      return true;
    });
    if (!done) return;
    if (said) notice(said, 'good');
    await this.load();
  }
  remove(image) {
    return this.change(
      () => call(this.server.remove({id: image.id})),
      'Moved to the trash: it can be brought back from there',
    );
  }
  async compare(image) {
    const found = await attempt(() => call(this.server.to_compare({id: image.id})));
    if (!found) return;
    if (found.missing.length) notice(`Not in your library, so left out: ${found.missing.join(', ')}`, 'warning');
    openTab('compare', {columns: found.columns, base: found.base});
  }
  begin(image, inpaint = false) {
    tell('studio:mode', {area: 'generate', mode: 'images'});
    this.trigger('begin', {id: image.id, inpaint});
  }
  reuse(image) {
    tell('studio:mode', {area: 'generate', mode: 'images'});
    this.trigger('reuse', {id: image.id, lane: Math.max(lanesNow().current, 0), stack: true});
  }
  enlarge(image) {
    enlargeImage(this.images, image, {
      ask: (id) => call(this.server.image({id})),
      reuse: (one) => this.reuse(one),
      begin: (one, inpaint) => this.begin(one, inpaint),
    });
  }

  async entries(image) {
    const datasets = (await attempt(() => call(this.server.datasets({})))) || [];
    const into = ({id, name}) => [
      `Add to the dataset ${name}`,
      () => this.change(() => call(this.server.to_dataset({id: image.id, dataset: id})), `Added to ${name}`),
    ];
    return [
      ['Use these settings', () => this.reuse(image)],
      ['Image to image', () => this.begin(image)],
      ['Inpaint', () => this.begin(image, true)],
      ['Compare its stack', () => this.compare(image)],
      ...datasets.slice(0, MOST_DATASETS).map(into),
      ['Delete', () => this.remove(image)],
    ];
  }

  cell(image) {
    const name = fileName(image.id);
    const onload = (event) => sharpen(event.currentTarget);
    const shown = el('img', {src: fileUrl(image.path), alt: '', loading: 'lazy', onload});
    if (this.view === 'trash') {
      const back = () => this.change(() => call(this.server.restore({id: image.id})), 'Brought back');
      const line = [
        el('span.cs-small.ga-name', {}, name),
        el('span.cs-spacer'),
        iconButton('undo', `Restore ${name}`, back),
      ];
      return el('figure.cs-cell.pg-cell', {role: 'listitem', 'data-id': image.id}, shown, el('figcaption', {}, line));
    }
    const open = {type: 'button', 'aria-label': `Enlarge ${name}`, onclick: () => this.enlarge(image)};
    const mark = () => this.change(() => call(this.server.mark({id: image.id, on: !image.favourite})));
    const star = iconButton('star', `${name} is a favourite`, mark, image.favourite ? '.is-on' : '');
    star.setAttribute('aria-pressed', String(image.favourite));
    const figure = el(
      'figure.cs-cell.pg-cell',
      {role: 'listitem', 'data-id': image.id},
      el('button.pg-open', open, shown),
      el(
        'figcaption',
        {},
        star,
        el('span.cs-spacer'),
        menuButton(`What can be done with ${name}`, () => this.entries(image)),
      ),
    );
    figure.addEventListener('keydown', (event) => {
      if (event.key === 'Delete') this.remove(image);
    });
    return figure;
  }

  render() {
    const grid = this.q('.ga-grid');
    const focused = grid.contains(document.activeElement) && document.activeElement;
    const [image, label] = focused ? [focused.closest('[data-id]')?.dataset.id, focused.ariaLabel] : [];
    grid.replaceChildren(...this.images.map((one) => this.cell(one)));
    if (image)
      [...grid.querySelectorAll(`[data-id="${CSS.escape(image)}"] button`)]
        .find((one) => one.ariaLabel === label)
        ?.focus({preventScroll: true});
    this.q('.ga-more').hidden = this.images.length >= this.total;
    const [title, text] = this.q('.ga-search').value.trim() ? NOTHING : NONE[this.view];
    this.q('.ga-empty').hidden = this.images.length > 0;
    this.q('.ga-empty').replaceChildren(el('p.cs-empty-title', {}, title), el('p', {}, text));
  }

  views() {
    const button = ([view, title]) => {
      const onclick = () => {
        this.view = view;
        this.views();
        this.anew();
      };
      const on = view === this.view;
      return el(`button.cs-button${on ? '.is-on' : ''}`, {type: 'button', 'aria-pressed': String(on), onclick}, title);
    };
    const group = el('div.cm-modes', {role: 'group', 'aria-label': 'Which images'}, VIEWS.map(button));
    this.q('.ga-views').replaceChildren(group);
  }
}

export function mount(part) {
  const gallery = new Gallery(part);
  gallery.views();
  gallery.q('.ga-search').addEventListener(
    'input',
    debounce(() => gallery.anew(), TYPING),
  );
  gallery.q('.ga-more').addEventListener('click', () => gallery.load(true));
  gallery.q('.ga-refresh').append(iconButton('refresh', 'Look again', () => gallery.load()));
  hear(part.element, 'studio:mode-shown', () => gallery.load());
  gallery.load();
}
