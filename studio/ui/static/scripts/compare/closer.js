// Two cells of a comparison looked at closely: a slider between them, flicker, their difference, side by side.
// Owns: the dialog and its keys. Refuses to know: which cells are marked, how the grid shows them.
import {el, openDialog} from '../core/dom.js';
import {icon, iconButton, labelled} from '../core/icons.js';
import {range} from '../core/range.js';
import {turned as groupKeys} from '../core/turning.js';
import {besideStages, differenceStage, flickerStage, oneStage, sliderStage} from './closer_stage.js';
import {MODES, rowOf, swapped, turned} from './pair_rules.js';
import {Zoom} from './zoom.js';

const HOLD = 280; // milliseconds after which letting F go turns back
const HINTS = {
  one: '← → another column · ↑ ↓ another row',
  slider: 'Drag the line, or focus the slider below and use ← and →',
  flicker: 'Press F to alternate, or hold it',
  difference: 'Bright is different; the gain makes small differences visible',
  beside: 'One zoom for both',
};

export class Closer {
  /** `at` is {host, comparison, rows, source(side, other), name(column), track(column), pin(side)}. */
  constructor(at) {
    Object.assign(this, {at, mode: 'slider', split: 50, gain: 4, face: 'b', pair: null});
  }

  open(pair, mode = this.mode) {
    Object.assign(this, {pair, mode: this.at.comparison.columns.length > 1 || pair.a.image ? mode : 'one', face: 'b'});
    this.stage = el('div.cl-stage');
    this.controls = el('div.cl-controls');
    this.words = el('p.cs-small.cs-muted.cl-words', {role: 'status'});
    this.root = el(
      'dialog.cl',
      {'aria-label': 'A closer look', tabindex: '-1'},
      this.bar(),
      this.stage,
      this.controls,
      this.words,
    );
    this.zoom = new Zoom(this.root, '.cl-frame');
    this.zoom.listen(this.stage, {freely: true});
    this.zoom.reset();
    this.root.addEventListener('keydown', (event) => this.key(event));
    this.root.addEventListener('keyup', (event) => event.key.toLowerCase() === 'f' && this.letGo(event));
    openDialog(this.root, this.at.host);
    this.paint();
    this.modes.querySelector('[tabindex="0"]').focus();
  }

  bar() {
    const button = ([mode, title]) => {
      const attributes = {type: 'button', role: 'radio', 'data-mode': mode, onclick: () => this.setMode(mode)};
      return el('button.cs-button', attributes, title);
    };
    const buttons = MODES.map(button);
    this.modes = el('div.cm-modes', {role: 'radiogroup', 'aria-label': 'How to look at them'}, buttons);
    groupKeys(
      this.modes,
      () => buttons,
      (next) => this.setMode(next.dataset.mode),
    );
    return el(
      'div.cs-toolbar.cl-bar',
      {},
      this.modes,
      el('span.cs-spacer'),
      labelled(null, 'Whole image', () => this.zoom.reset(), '.cs-quiet.cl-whole'),
      iconButton('close', 'Close (Esc)', () => this.root.close()),
    );
  }
  setMode(mode) {
    this.mode = mode;
    this.paint();
  }
  set(pair) {
    this.pair = pair;
    this.paint();
  }
  get sides() {
    const {a, b} = this.pair;
    return {a: this.at.source(a, b), b: this.at.source(b, a)};
  }

  paint() {
    for (const one of this.modes.children) {
      const on = one.dataset.mode === this.mode;
      one.classList.toggle('is-on', on);
      one.setAttribute('aria-checked', String(on));
      one.tabIndex = on ? 0 : -1;
    }
    this.words.textContent = HINTS[this.mode];
    this.stage.dataset.mode = this.mode;
    this.stage.replaceChildren(...this.frames());
    const called = (node) => node.dataset.control || node.ariaLabel;
    const focused = this.controls.contains(document.activeElement) && called(document.activeElement);
    this.controls.replaceChildren(...[this.left(), this.tool(), this.right()].filter(Boolean));
    const same = [...this.controls.querySelectorAll('button, a, select, input')].find((one) => called(one) === focused);
    if (focused) (same || this.root).focus();
  }
  frames() {
    const {sides, zoom, mode} = this;
    this.difference = null;
    if (mode === 'slider') return [sliderStage(sides, {split: this.split, zoom, moved: (to) => this.setSplit(to)})];
    if (mode === 'flicker') return [flickerStage(sides, this.face)];
    if (mode === 'beside') return besideStages(sides);
    if (mode === 'one') return [oneStage(sides)];
    const told = (words) => {
      this.words.textContent = words;
    };
    this.difference = differenceStage(sides, () => this.gain, told);
    return [this.difference.node];
  }
  setSplit(to) {
    this.split = to;
    this.stage.firstChild.style.setProperty('--split', to);
    this.slider.set(to);
  }

  /** What belongs to the mode: where the line is, the gain, the button that alternates. */
  tool() {
    const slider = (control, label, limits, value, input) => {
      this.slider = range(label, {...limits, 'data-control': control}, value, input);
      return el('label.cl-tool.cs-small.cs-muted', {}, label, this.slider.node);
    };
    if (this.mode === 'slider') {
      const limits = {min: 0, max: 100, step: 1};
      return slider('split', 'Where the left image ends', limits, this.split, (to) => this.setSplit(to));
    }
    if (this.mode === 'difference') {
      return slider('gain', 'Gain', {min: 1, max: 32, step: 1}, this.gain, (to) => {
        this.gain = to;
        this.difference.paint(to);
      });
    }
    if (this.mode !== 'flicker') return null;
    const button = labelled(null, 'Alternate (F)', () => this.flip(), '.cl-tool');
    button.dataset.control = 'flip';
    return button;
  }
  flip() {
    this.face = this.face === 'a' ? 'b' : 'a';
    const frame = this.stage.querySelector('.is-flicker');
    if (frame) frame.dataset.face = this.face;
    this.words.textContent = `${this.sides[this.face].name} is shown`;
  }
  letGo(event) {
    if (this.pressed && event.timeStamp - this.pressed > HOLD) this.flip();
    this.pressed = 0;
  }

  columnChoice(key, label) {
    const side = this.pair[key];
    const option = (value, text) => el('option', {value, selected: String(side.column) === String(value)}, text);
    const onchange = (event) => {
      const {value} = event.currentTarget;
      this.set({...this.pair, [key]: {column: Number(value), row: side.image ? null : side.row}});
    };
    const columns = this.at.comparison.columns.map((one, k) => option(k, one.name));
    const pinned = side.image && el('option', {value: '', selected: true}, side.image.name);
    const attributes = {'aria-label': `${label} column`, 'data-control': `${key}-column`, onchange};
    return el('select.cs-input', attributes, pinned, columns);
  }
  rowChoice(key, label) {
    const side = this.pair[key];
    const option = (value, text) => el('option', {value, selected: side.row === value}, text);
    const rows = this.at.rows.map((row, k) => option(k, `seed ${row.seed} · ${row.text}`));
    const onchange = (event) => {
      const {value} = event.currentTarget;
      this.set({...this.pair, [key]: {...side, row: value === '' ? null : Number(value)}});
    };
    const attributes = {'aria-label': `${label} image`, 'data-control': `${key}-row`, onchange};
    const same = key === 'a' && el('option', {value: '', selected: side.row === null}, 'the same prompt and seed');
    return el('select.cs-input', attributes, same, rows);
  }
  left() {
    if (this.mode === 'one') return null;
    const {a} = this.pair;
    const swap = !a.image && iconButton('reuse', 'Swap left and right (S)', () => this.set(swapped(this.pair)));
    return el(
      'div.cl-side',
      {},
      el('b.cs-small', {}, 'Left', swap),
      this.columnChoice('a', 'Left'),
      !a.image && this.rowChoice('a', 'Left'),
    );
  }
  right() {
    const one = this.mode === 'one';
    const {src, name} = this.sides.b;
    const save = el(
      'a.cs-button.cs-quiet.cs-icon',
      {href: src, download: '', title: 'Download', 'aria-label': `Download ${name}`},
      icon('download'),
    );
    const pin = iconButton('pin', 'Pin this image beside the grid (P)', () => this.pin());
    return el(
      'div.cl-side',
      {},
      el(
        'b.cs-small',
        {},
        one ? 'Image' : 'Right',
        iconButton('left', 'Previous row (↑)', () => this.turn({down: -1})),
        iconButton('right', 'Next row (↓)', () => this.turn({down: 1})),
        pin,
        save,
      ),
      this.columnChoice('b', one ? 'This' : 'Right'),
      this.rowChoice('b', one ? 'This' : 'Right'),
    );
  }
  pin() {
    this.at.pin({column: this.pair.b.column, row: rowOf(this.pair.b, this.pair.a)});
    this.words.textContent = 'Pinned: it stays beside the grid.';
  }
  turn(by) {
    const {comparison, rows} = this.at;
    this.set(turned(this.pair, {rows: rows.length, columns: comparison.columns.length}, by));
  }
  /** Through the checkpoints of a run. */
  step(by) {
    const track = this.at.track(this.pair.b.column);
    const next = track?.columns[track.columns.indexOf(this.pair.b.column) + by];
    if (next !== undefined) this.set({...this.pair, b: {...this.pair.b, column: next}});
  }

  key(event) {
    if (event.target.matches('select') || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.zoom.key(event)) return;
    const inGroup = event.target.matches('input') || event.target.closest('[role=radiogroup]');
    const acts = {
      ArrowUp: () => this.turn({down: -1}),
      ArrowDown: () => this.turn({down: 1}),
      ArrowLeft: () => this.turn({across: -1}),
      ArrowRight: () => this.turn({across: 1}),
    };
    const letters = {
      f: () => this.flickerKey(event),
      p: () => this.pin(),
      s: () => !this.pair.a.image && this.set(swapped(this.pair)),
      ',': () => this.step(-1),
      '.': () => this.step(1),
    };
    const act = (!inGroup && acts[event.key]) || letters[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }
  flickerKey(event) {
    if (event.repeat) return;
    if (this.mode !== 'flicker') this.setMode('flicker');
    this.pressed = event.timeStamp; // how long the key is down, not how long the page takes
    this.flip();
  }
}
