// The image grid of the Caption tab: virtual (only what is visible exists), captions editable in
// place. Owns: cells, scrolling, selection, the keys. Refuses to know: datasets, how captions are saved.

import {el} from '../core/dom.js';
import {debounce} from '../core/timing.js';
import {Cell} from './cell.js';
import {leadsTo} from './grid_keys.js';
import {countsOf, filtered, itemsInView, layout, placeOf, selection, totalHeight} from './list_rules.js';

const AT_ONCE = 24; // small copies that are asked for together
const ROLES = {role: 'grid', 'aria-label': 'Images and captions', 'aria-multiselectable': true, tabindex: '-1'};

/** `saving`: a Saving. `thumbnails(files)` asks the server, `changed()` hears of what is to be counted,
 *  `open(item)` shows one large, `facts(item)` → [tokens, lacks] as a cell shows them, `seen(items)` hears
 *  which are in view. */
export class CaptionGrid {
  constructor({saving, thumbnails, changed, open, facts, seen}) {
    Object.assign(this, {saving, thumbnails, changed, facts, seen, enlarge: open});
    this.cells = new Map(); // file → Cell, of those in view
    this.copies = new Map(); // file → {path, stamp} or {problem}
    this.asked = new Set(); // files whose copies were asked for
    this.selected = new Set();
    this.items = [];
    this.shown = []; // items that the filter lets through
    this.conditions = {state: 'all'};
    this.width = 220;
    this.locked = false;
    this.current = null; // file of the cell that the Tab key reaches
    this.anchor = null; // where a selection with Shift begins
    this.before = this.selected; // what was selected when it began
    this.sorted = (items) => items;
    this.decorators = []; // add to a cell what others know of its image
    this.canvas = el('div.cs-captions-canvas', {role: 'presentation'});
    this.node = el('div.cs-captions', ROLES, this.canvas);
    this.fetchCopies = debounce(() => this.fetch(), 30);
    this.node.addEventListener('scroll', () => requestAnimationFrame(() => this.render()));
    this.node.addEventListener('keydown', (event) => this.pressed(event));
    this.node.addEventListener('keyup', (event) => {
      if (event.key === ' ' && event.target.classList.contains('cs-caption-pick')) event.preventDefault(); // no click
    });
    this.node.addEventListener('focusin', ({target}) => this.focused(target));
    new ResizeObserver(() => this.render()).observe(this.node);
  }

  /** Shows a dataset: [{file, caption, seen, problem?}]; a sample may only be looked at. */
  show(items, locked) {
    for (const cell of this.cells.values()) cell.node.remove();
    for (const kept of [this.cells, this.copies, this.asked, this.selected]) kept.clear();
    Object.assign(this, {items, locked, anchor: null, current: items[0]?.file ?? null});
    this.node.scrollTop = 0;
    this.refilter();
  }
  filter(conditions) {
    Object.assign(this.conditions, conditions);
    this.refilter();
  }
  refilter() {
    this.shown = this.sorted(filtered(this.items, this.conditions, this.selected));
    this.node.setAttribute('aria-rowcount', this.shown.length);
    this.render();
  }
  /** Shows the images in another order: `sorted(items)`, or null for the dataset's own. */
  order(sorted) {
    this.sorted = sorted || ((items) => items);
    this.refilter();
  }
  /** What others know of an image, on its cell. */
  decorate(cell) {
    for (const decorator of this.decorators) decorator(cell);
  }
  decorateAll() {
    for (const cell of this.cells.values()) this.decorate(cell);
  }
  size(width) {
    this.width = width;
    this.render();
  }
  counts() {
    return countsOf(this.items, this.selected);
  }
  at(file) {
    return this.shown.findIndex((item) => item.file === file);
  }

  select(file, extend) {
    if (!extend || this.anchor === null) Object.assign(this, {anchor: file, before: new Set(this.selected)});
    this.choose(selection(this.before, this.shown, file, extend ? this.anchor : null));
    if (!extend) this.before = new Set(this.selected);
  }
  selectShown() {
    this.choose(new Set([...this.selected, ...this.shown.map((item) => item.file)]));
  }
  clearSelection() {
    this.anchor = null;
    this.choose(new Set());
  }
  choose(selected) {
    this.selected = selected;
    for (const [file, cell] of this.cells) cell.markSelected(selected.has(file));
    this.changed();
  }

  typed(item, text) {
    this.saving.typed(item, text);
    const cell = this.cells.get(item.file);
    cell.markLook();
    cell.markEmpty();
    this.tell(cell);
    this.changed();
  }
  /** Shows anew what is known of an item, or of all in view. */
  sync(item = null) {
    for (const cell of this.cells.values()) {
      if (item && item !== cell.item) continue;
      cell.refresh();
      this.tell(cell);
    }
  }
  tell(cell) {
    cell.markFacts(...this.facts(cell.item));
  }

  /** A new cell; in the document it stands behind the one before it. */
  make(item, before) {
    const cell = new Cell(item, this.locked, {
      pick: (event) => this.select(item.file, event.shiftKey),
      open: () => this.enlarge(item),
      typed: (text) => this.typed(item, text),
      left: () => this.saving.store(item),
      next: (by) => this.go(this.shown.indexOf(item) + by, 'text'),
      back: () => cell.pick.focus(),
      settle: (mine) => this.saving.settle(item, mine),
    });
    this.cells.set(item.file, cell);
    if (before) before.node.after(cell.node);
    else this.canvas.prepend(cell.node);
    cell.markSelected(this.selected.has(item.file));
    this.tell(cell);
    const copy = this.copies.get(item.file);
    if (copy && !item.problem) cell.show(copy);
    this.decorate(cell);
    return cell;
  }
  /** Asks for the small copies of images again: they look otherwise now. */
  renew(files) {
    for (const kept of [this.copies, this.asked]) for (const file of files) kept.delete(file);
    this.fetchCopies();
  }
  async fetch() {
    const {items} = this;
    const wanted = [...this.cells.values()].map(({item}) => item.file).filter((file) => !this.asked.has(file));
    for (let at = 0; at < wanted.length; at += AT_ONCE) {
      const files = wanted.slice(at, at + AT_ONCE);
      for (const file of files) this.asked.add(file);
      try {
        const found = await this.thumbnails(files);
        if (items !== this.items) return; // another dataset is open by now
        for (const [file, copy] of Object.entries(found)) {
          this.copies.set(file, copy);
          const cell = this.cells.get(file);
          if (cell && !cell.item.problem) cell.show(copy);
        }
      } catch {
        if (items !== this.items) return;
        for (const file of files) this.asked.delete(file); // asked again when they are in view again
      }
    }
  }
  /** The small copy of an image shows another one by now. */
  outdated(file) {
    this.copies.delete(file);
    this.asked.delete(file);
    this.fetchCopies();
  }

  get layout() {
    return layout(this.node.clientWidth, this.width);
  }
  render() {
    const {layout: lay, shown, node} = this;
    this.canvas.style.height = `${totalHeight(lay, shown.length)}px`;
    const [first, last] = itemsInView(lay, node.scrollTop, node.clientHeight || 700);
    const keep = new Set();
    const inView = shown.slice(first, last);
    const reached = inView.some(({file}) => file === this.current) ? this.current : inView[0]?.file;
    let cell = null;
    for (const [offset, item] of inView.entries()) {
      cell = this.cells.get(item.file) || this.make(item, cell);
      keep.add(item.file);
      cell.place(placeOf(lay, first + offset), lay.cell, lay.height);
      cell.markCurrent(item.file === reached);
      cell.node.setAttribute('aria-rowindex', first + offset + 1);
    }
    for (const [file, {node: own, item}] of this.cells) {
      if (keep.has(file) || own.contains(document.activeElement)) continue;
      this.saving.store(item);
      own.remove();
      this.cells.delete(file);
    }
    this.fetchCopies();
    this.seen(inView);
  }
  /** Goes to an item that is shown: to its image, or with `part` 'text' to its caption. */
  go(index, part = 'pick') {
    const item = this.shown[index];
    if (!item) return;
    const {layout: lay, node} = this;
    const [, top] = placeOf(lay, index);
    if (top < node.scrollTop) node.scrollTop = Math.max(0, top - lay.gap);
    else if (top + lay.height > node.scrollTop + node.clientHeight) {
      node.scrollTop = part === 'text' ? Math.max(0, top - lay.gap) : top + lay.height - node.clientHeight + lay.gap;
    }
    this.current = item.file;
    this.render();
    this.cells.get(item.file)?.[part].focus({preventScroll: true});
  }

  focused(target) {
    const cell = [...this.cells.values()].find(({node}) => node.contains(target));
    if (!cell || cell.item.file === this.current) return;
    this.current = cell.item.file;
    for (const [file, one] of this.cells) one.markCurrent(file === this.current);
  }
  pressed(event) {
    if (!event.target.classList.contains('cs-caption-pick') || event.altKey) return;
    const {key, shiftKey} = event;
    const at = this.at(this.current);
    const item = this.shown[at];
    if (!item) return;
    const {columns, height, gap} = this.layout;
    const rows = Math.max(1, Math.floor(this.node.clientHeight / (height + gap)));
    const to = leadsTo(key, at, {length: this.shown.length, columns, rows});
    if (to !== null) this.move(at, to, shiftKey);
    else if (key === ' ') this.select(item.file, shiftKey);
    else if (key === 'Enter') this.enlarge(item);
    else if (key === 'F2') this.cells.get(item.file)?.text.focus();
    else if (key === 'Escape' && this.selected.size) this.clearSelection();
    else if (key.toLowerCase() === 'a' && (event.ctrlKey || event.metaKey)) this.selectShown();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  move(from, to, extend) {
    if (extend && this.anchor === null) {
      Object.assign(this, {anchor: this.shown[from].file, before: new Set(this.selected)});
    }
    if (!extend) this.anchor = null;
    this.go(to);
    if (extend) this.select(this.shown[to].file, true);
  }
}
