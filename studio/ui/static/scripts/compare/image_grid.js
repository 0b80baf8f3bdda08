// The grid of a comparison: only rows in view exist. Owns: rows, scrolling, which cell has the focus. Refuses
// to know: what is done with a cell, which columns are hidden, where copies come from.
import {el} from '../core/dom.js';
import {clamp} from '../core/values.js';
import {emptyCell, heading, paintCell, rowLabel} from './cells.js';
import {rowsOf} from './measures.js';
import {rowsInView, scrolledTo} from './row_window.js';
import {shownColumn} from './tracks.js';

const LABEL = 'Images: Enter looks closer, arrows move, + and − zoom all, 0 resets';
const GAP = 6; // pixels between cells, as in the style sheet
const STRIP = 26; // pixels of a row's label above its cells, where the grid is narrow
const NARROW = 560;
const MOVES = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]};

const cellKey = (column, prompt, seed) => `${column} ${prompt} ${seed}`;

export class ImageGrid {
  /** `copies` are the small images; `changed` hears of another cell with the focus. */
  constructor(copies) {
    Object.assign(this, {copies, comparison: null, tracks: [], steps: {}, heads: [], rows: [], options: {}});
    this.shown = new Map(); // number of a row → {node, cells}
    this.at = {row: 0, track: 0}; // which cell the Tab key leads to
    this.headRow = el('div.cm-heads', {role: 'row'});
    this.canvas = el('div.cm-canvas', {role: 'presentation'});
    this.node = el('div.cm-grid', {role: 'grid', 'aria-label': LABEL}, this.headRow, this.canvas);
    this.node.addEventListener('scroll', () => requestAnimationFrame(() => this.render()), {passive: true});
    this.node.addEventListener('focusin', (event) => this.focused(event.target));
    new ResizeObserver(() => this.render()).observe(this.node);
  }

  get narrow() {
    return this.node.clientWidth < NARROW;
  }
  get rowHeight() {
    return this.options.size + GAP + (this.narrow ? STRIP : 0);
  }

  /** Shows a comparison. `tracks` are those in view, `options` {size, measure, baseline, marks, hide, change}. */
  show(comparison, tracks, steps, options) {
    if (comparison !== this.comparison) this.take(comparison);
    const other = tracks.length !== this.tracks.length || tracks.some((one, k) => one.key !== this.tracks[k].key);
    Object.assign(this, {tracks, steps, options});
    if (other) this.clear();
    this.node.style.setProperty('--columns', tracks.length);
    this.node.style.setProperty('--cell', `${options.size}px`);
    this.node.setAttribute('aria-colcount', tracks.length);
    this.node.setAttribute('aria-rowcount', this.rows.length);
    const wanted = {
      steps,
      measure: options.measure,
      hide: tracks.length > 1 ? options.hide : null,
      change: options.change,
    };
    this.heads = tracks.map((track) => heading(comparison, track, wanted));
    this.headRow.replaceChildren(el('div.cm-corner', {role: 'columnheader'}), ...this.heads.map(({node}) => node));
    this.at.track = clamp(this.at.track, 0, Math.max(0, tracks.length - 1));
    this.paint();
    this.render();
  }
  take(comparison) {
    if (comparison.id !== this.comparison?.id) {
      this.clear();
      this.at = {row: 0, track: 0};
      this.node.scrollTo(0, 0);
    }
    this.comparison = comparison;
    this.rows = rowsOf(comparison);
    this.files = new Map(comparison.cells.map((one) => [cellKey(one.column, one.prompt, one.seed), one.file]));
  }
  clear() {
    for (const {node} of this.shown.values()) node.remove();
    this.shown.clear();
  }

  fileOf(column, row) {
    return this.files.get(cellKey(column, row.prompt, row.seed)) || null;
  }
  /** Says again what the headings and cells show; after another step, another mark, new copies. */
  paint() {
    for (const head of this.heads) head.paint();
    this.paintCells();
  }
  paintCells() {
    for (const [number, {cells}] of this.shown) {
      for (const [k, cell] of cells.entries()) this.paintOne(cell, k, number);
    }
  }
  paintOne(cell, k, number) {
    const {comparison, options, copies} = this;
    const row = this.rows[number];
    const own = shownColumn(this.tracks[k], this.steps);
    const column = this.instead ?? own;
    const file = this.fileOf(column, row);
    const {name, error, folder} = comparison.columns[column];
    const copy = file && copies.of(file, options.full);
    const pending = !error && !comparison.complete && !comparison.cancelled;
    const {baseline} = options;
    const below = baseline >= 0 && baseline !== column ? this.fileOf(baseline, row) : null;
    const state = copy?.src || copy?.problem ? '' : file || pending ? 'waiting' : 'blank';
    const label = folder ? `${name}, image ${number + 1}` : `${name}, “${row.text}”, seed ${row.seed}`;
    const under = below && copies.of(below, options.full);
    paintCell(cell, {label, copy, under, state, marks: options.marks(own, number)});
    cell.setAttribute('aria-rowindex', number + 1);
    cell.tabIndex = this.at.row === number && this.at.track === k ? 0 : -1;
  }

  make(number) {
    const row = this.rows[number];
    const cells = this.tracks.map(() => emptyCell());
    const again = number > 0 && this.rows[number - 1].prompt === row.prompt;
    const node = el('div.cm-row', {role: 'row', 'data-row': number}, rowLabel(row, again), cells);
    this.shown.set(number, {node, cells});
    for (const [k, cell] of cells.entries()) this.paintOne(cell, k, number);
    this.canvas.append(node);
  }
  render() {
    if (!this.comparison) return;
    const {node, canvas, rowHeight, rows} = this;
    node.classList.toggle('is-narrow', this.narrow);
    canvas.style.height = `${rows.length * rowHeight}px`;
    const seen = (node.clientHeight || 700) - this.headRow.offsetHeight;
    const [first, last] = rowsInView({top: node.scrollTop, seen, height: rowHeight, count: rows.length});
    for (const [number, one] of this.shown) {
      if ((number >= first && number < last) || one.node.contains(document.activeElement)) continue;
      one.node.remove();
      this.shown.delete(number);
    }
    for (let number = first; number < last; number += 1) {
      if (!this.shown.has(number)) this.make(number);
    }
    for (const [number, one] of this.shown) one.node.style.transform = `translateY(${number * rowHeight}px)`;
    if (!this.shown.has(this.at.row) && first < last) this.lead(Math.min(first + 2, last - 1), this.at.track);
  }

  /** Which cell an element is in: {row, track, column}, or null. */
  cellAt(target) {
    const cell = target.closest?.('.cm-cell');
    const row = Number(cell?.parentElement.dataset.row);
    const track = this.shown.get(row)?.cells.indexOf(cell) ?? -1;
    return track < 0 ? null : {row, track, column: shownColumn(this.tracks[track], this.steps)};
  }
  focused(target) {
    const found = this.cellAt(target);
    if (found) this.lead(found.row, found.track);
  }
  /** The Tab key leads to another cell. */
  lead(row, track) {
    const before = this.shown.get(this.at.row)?.cells[this.at.track];
    if (before) before.tabIndex = -1;
    this.at = {row, track};
    const now = this.shown.get(row)?.cells[track];
    if (now) now.tabIndex = 0;
  }
  /** Whether a key moved the focus to another cell. */
  key(event) {
    const by = MOVES[event.key];
    if (!by || event.shiftKey || !this.cellAt(event.target)) return false;
    event.preventDefault();
    this.go(this.at.row + by[0], this.at.track + by[1]);
    return true;
  }
  go(row, track) {
    const {node, rowHeight} = this;
    const to = [clamp(row, 0, this.rows.length - 1), clamp(track, 0, this.tracks.length - 1)];
    const seen = node.clientHeight - this.headRow.offsetHeight;
    node.scrollTop = scrolledTo(to[0], {top: node.scrollTop, seen, height: rowHeight});
    this.lead(...to);
    this.render();
    this.shown.get(to[0])?.cells[to[1]]?.focus({preventScroll: true});
    this.shown.get(to[0])?.cells[to[1]]?.scrollIntoView({block: 'nearest', inline: 'nearest'});
  }
  /** Whether cells show the images themselves instead of small copies. */
  sharp(full) {
    if (full === this.options.full) return;
    this.options.full = full;
    this.paintCells();
  }
  /** All cells show another column while `column` is one; null shows each its own again. */
  showInstead(column) {
    this.instead = column ?? undefined;
    this.paintCells();
  }
}
