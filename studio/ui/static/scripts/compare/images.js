// The images of the open comparison: the grid, what is above and beside it, and the closer look. Owns: what is
// chosen (order, hidden columns, steps, marks, what is pinned). Refuses to know: which comparison is open
// (`opened.js`), how one is made.
import {call} from '../core/calls.js';
import {el} from '../core/dom.js';
import {iconButton} from '../core/icons.js';
import {tables} from '../core/tables.js';
import {debounce} from '../core/timing.js';
import {clamp} from '../core/values.js';
import {Closer} from './closer.js';
import {Copies} from './copies.js';
import {ImageGrid} from './image_grid.js';
import {hiddenList, imageTools} from './image_tools.js';
import {follow} from './opened.js';
import {pairFor, rowOf} from './pair_rules.js';
import {chooseReference, pinnedPanel} from './pinned.js';
import {shownColumn, sorted, tracksOf} from './tracks.js';
import {Zoom} from './zoom.js';

const COPY = 320; // pixels of the longer side of a small copy
const PINNED = 0.25; // of the width
const SHARPEN_AFTER = 150; // milliseconds without another zoom
const HINT =
  'Enter looks closer · X marks two images to compare · P pins one · F (hold) shows the first column everywhere · ' +
  ', and . go through steps · + − 0 zoom, Shift and arrows move';

const fresh = () => ({
  order: '',
  hidden: new Set(),
  grouped: true,
  steps: {},
  baseline: -1,
  gain: 2,
  pinned: null,
  marked: [],
  size: 200,
  sized: false,
});

class Images {
  constructor({element, server}) {
    Object.assign(this, {element, server, comparison: null, view: fresh()});
    this.host = element.querySelector('.cm-view');
    this.copies = new Copies(
      (id, files) => call(server.thumbnails({id, files})),
      () => this.grid.paintCells(),
    );
    this.grid = new ImageGrid(this.copies);
    this.above = el('div.cm-above');
    this.beside = el('div.cm-beside');
    this.host.append(
      this.above,
      el('div.cm-body', {}, this.beside, this.grid.node),
      el('p.cs-small.cs-muted.cm-hint', {}, HINT),
    );
    this.zoom = new Zoom(this.host, '.cm-cell, .cm-frame', (view) => this.zoomed(view));
    this.sharpen = debounce(() => this.grid.sharp(this.full), SHARPEN_AFTER);
    this.zoom.listen(this.host);
    this.listen();
  }

  get tracks() {
    return tracksOf(this.comparison.columns, this.view.grouped, this.comparison.runs);
  }
  get shownTracks() {
    const {order, hidden, steps} = this.view;
    const tracks = this.tracks.filter((one) => !hidden.has(one.key));
    return sorted(tracks, order, {columns: this.comparison.columns, steps, measures: tables.measures});
  }

  /** Another comparison, or more of the same. */
  show(comparison) {
    this.host.hidden = !comparison;
    if (!comparison) return;
    const other = comparison.id !== this.comparison?.id;
    this.comparison = comparison;
    this.copies.open(comparison.id, comparison.folder);
    if (other) {
      this.view = fresh();
      this.zoom.reset();
    }
    this.paint();
    this.tools();
  }
  /** Whether small copies are too small for what is seen. */
  get full() {
    return this.view.size * this.zoom.view.zoom * devicePixelRatio > COPY * 1.2;
  }
  /** So large that all columns fit beside each other, within reason. */
  usualSize() {
    const narrow = this.host.clientWidth < 600;
    const pinned = this.view.pinned && !narrow ? PINNED * this.host.clientWidth : 0;
    const width = (this.host.clientWidth || 900) - pinned - (narrow ? 16 : 156);
    return Math.round(clamp(width / Math.max(1, this.shownTracks.length) - 8, narrow ? 132 : 104, 252));
  }

  set(fields) {
    Object.assign(this.view, fields);
    this.paint();
    if (!('size' in fields || 'gain' in fields)) this.tools();
  }
  tools() {
    const {view, comparison} = this;
    const focused = this.above.contains(document.activeElement) ? document.activeElement.ariaLabel : null;
    const bar = imageTools(comparison, view, {
      set: (fields) => this.set(fields),
      zoom: this.zoom,
      compare: () => this.closer(this.grid.at.track, this.grid.at.row),
      pinReference: () =>
        chooseReference(this.server, comparison.id, this.element, (image) => this.set({pinned: {image}})),
    });
    bar.zoomed(this.zoom.view);
    this.bar = bar;
    const hidden = hiddenList(
      this.tracks.filter((one) => view.hidden.has(one.key)),
      (track) => this.hide(track, false),
    );
    this.above.replaceChildren(...[bar.node, hidden, this.markedLine()].filter(Boolean));
    if (focused) this.above.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  }
  markedLine() {
    const [first] = this.view.marked;
    if (!first) return null;
    const name = this.comparison.columns[first.column].name;
    const text = `${name}, seed ${this.grid.rows[first.row].seed} is marked: mark another image to compare the two.`;
    const forget = iconButton('close', 'Forget the mark', () => this.set({marked: []}));
    return el('div.cs-toolbar.cs-small.cm-marked', {role: 'status'}, text, forget);
  }

  paint() {
    if (!this.comparison) return;
    const {view} = this;
    if (!view.sized) view.size = this.usualSize();
    this.host.style.setProperty('--gain', view.gain);
    const measure = tables.measures.find((one) => one.key === view.order);
    this.grid.show(this.comparison, this.shownTracks, view.steps, {
      size: view.size,
      measure,
      baseline: view.baseline,
      full: this.full,
      marks: (column, row) => this.marksOf(column, row),
      hide: (track) => this.hide(track, true),
      change: (track, place) => this.step(track, place),
    });
    this.paintPinned();
  }
  paintPinned() {
    const {pinned} = this.view;
    const image = pinned && this.source(pinned, pinned);
    this.beside.replaceChildren(...(image ? [pinnedPanel(image, () => this.set({pinned: null}))] : []));
  }
  marksOf(column, row) {
    const {marked, pinned} = this.view;
    const same = (one) => one?.column === column && one.row === row;
    return [marked.some(same) && 'marked', same(pinned) && 'pinned'].filter(Boolean);
  }
  zoomed(view) {
    this.bar?.zoomed(view);
    this.sharpen?.();
  }

  hide(track, hidden) {
    const next = new Set(this.view.hidden);
    if (hidden) next.add(track.key);
    else next.delete(track.key);
    if (this.tracks.every((one) => next.has(one.key))) return; // one stays
    this.set({hidden: next});
  }
  /** Another checkpoint of a track; nothing but its images changes. */
  step(track, place) {
    const at = clamp(place, 0, track.columns.length - 1);
    this.view.steps[track.key] = at;
    this.grid.paint();
  }
  stepBy(by) {
    const at = this.grid.cellAt(document.activeElement);
    const chosen = at && this.grid.tracks[at.track].steps ? [this.grid.tracks[at.track]] : this.grid.tracks;
    for (const track of chosen.filter((one) => one.steps)) {
      this.step(track, track.columns.indexOf(shownColumn(track, this.view.steps)) + by);
    }
  }

  /** An image that is looked at closely or pinned: {src, name, text}. */
  source(side, other) {
    if (side.image) return side.image;
    const row = this.grid.rows[rowOf(side, other)];
    const file = this.grid.fileOf(side.column, row);
    const {name, folder} = this.comparison.columns[side.column];
    const text = folder ? '' : `seed ${row.seed} · ${row.text}`;
    return {src: file ? this.copies.full(file) : '', name, text};
  }
  look(pair, mode) {
    const {comparison, grid} = this;
    new Closer({
      host: this.element,
      comparison,
      rows: grid.rows,
      source: (side, other) => this.source(side, other),
      track: (column) => this.tracks.find((one) => one.columns.includes(column)),
      pin: (side) => this.set({pinned: side}),
    }).open(pair, mode);
  }
  closer(track, row) {
    const column = shownColumn(this.grid.tracks[track], this.view.steps);
    this.look(pairFor(this.comparison.columns.length, {column, row}, this.view.pinned));
  }
  mark({column, row}) {
    const {marked} = this.view;
    const again = marked.some((one) => one.column === column && one.row === row);
    if (again || !marked.length) return this.set({marked: again ? [] : [{column, row}]});
    this.set({marked: []});
    return this.look({a: marked[0], b: {column, row}}, 'slider');
  }
  pin({column, row}) {
    const {pinned} = this.view;
    const again = pinned?.column === column && pinned.row === row;
    this.set({pinned: again ? null : {column, row}});
  }

  listen() {
    const {grid} = this;
    let from = null;
    grid.node.addEventListener('pointerdown', (event) => {
      from = [event.clientX, event.clientY];
    });
    grid.node.addEventListener('click', (event) => {
      const at = grid.cellAt(event.target);
      const dragged = from && Math.hypot(event.clientX - from[0], event.clientY - from[1]) > 4;
      if (!at || dragged) return;
      if (event.shiftKey) this.mark(at);
      else if (!this.zoom.zoomed) this.closer(at.track, at.row);
    });
    this.host.addEventListener('keydown', (event) => this.key(event));
    this.host.addEventListener('keyup', (event) => event.key.toLowerCase() === 'f' && grid.showInstead(null));
    grid.node.addEventListener('focusout', () => grid.instead !== undefined && grid.showInstead(null));
  }
  key(event) {
    if (event.target.closest('dialog') || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.grid.key(event) || this.zoom.key(event)) return;
    const at = this.grid.cellAt(event.target);
    const steps = {',': -1, '.': 1};
    const act = event.key in steps && !event.target.matches('select') ? () => this.stepBy(steps[event.key]) : null;
    const found = act || (at && this.cellAct(event, at));
    if (!found) return;
    event.preventDefault();
    found();
  }
  /** What a key does to the cell that has the focus. */
  cellAct(event, at) {
    const acts = {
      enter: () => this.closer(at.track, at.row),
      ' ': () => this.closer(at.track, at.row),
      x: () => this.mark(at),
      p: () => this.pin(at),
      h: () => this.hide(this.grid.tracks[at.track], true),
      f: () => event.repeat || this.grid.showInstead(shownColumn(this.grid.tracks[0], this.view.steps)),
    };
    return acts[event.key.toLowerCase()];
  }
}

export function mount(part) {
  const images = new Images(part);
  follow(part.element, 'images', (comparison) => images.show(comparison));
}
