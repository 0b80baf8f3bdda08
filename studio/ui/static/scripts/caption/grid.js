// The image grid of the Caption tab: virtual (only what is visible exists), captions editable in
// place. Owns: cells, scrolling, selection, when a caption is saved. Refuses to know: datasets.

import {partsOf} from '../core/calls.js';
import {isLost, onceConnected} from '../core/connection.js';
import {el} from '../core/dom.js';
import {notice, settle} from '../core/notices.js';
import {debounce} from '../core/timing.js';
import {Cell} from './cell.js';
import {countsOf, filtered, itemsInView, layout, placeOf, selection, totalHeight} from './list_rules.js';

const SAVE_AFTER = 600; // milliseconds without typing
const AT_ONCE = 24; // small copies that are asked for together

/** `save(file, text)` and `thumbnails(files)` ask the server, `changed()` hears of what is to be counted. */
export class CaptionGrid {
  constructor({save, thumbnails, changed}) {
    Object.assign(this, {save, thumbnails, changed});
    this.cells = new Map(); // file → Cell, of those in view
    this.waiting = new Map(); // file → {text, timer} that is not saved yet
    this.copies = new Map(); // file → {path} or {problem}
    this.asked = new Set(); // files whose copies were asked for
    this.selected = new Set();
    this.items = [];
    this.shown = []; // items that the filter lets through
    this.conditions = {state: 'all', text: ''};
    this.width = 220;
    this.locked = false;
    this.anchor = null; // where a selection with Shift begins
    this.sorted = (items) => items;
    this.decorate = () => {}; // adds to a cell what others know of its image
    this.canvas = el('div.cs-captions-canvas');
    this.node = el('div.cs-captions', {tabindex: '-1', 'aria-label': 'Images and captions'}, this.canvas);
    this.fetchCopies = debounce(() => this.fetch(), 30);
    this.node.addEventListener('scroll', () => requestAnimationFrame(() => this.render()));
    new ResizeObserver(() => this.render()).observe(this.node);
    globalThis.addEventListener('pagehide', () => this.flush());
  }

  /** Shows a dataset: [{file, caption, problem?}]; a sample may only be looked at. */
  open(items, locked) {
    this.flush();
    for (const cell of this.cells.values()) cell.node.remove();
    for (const kept of [this.cells, this.copies, this.asked, this.selected]) kept.clear();
    Object.assign(this, {items, locked, anchor: null});
    this.node.scrollTop = 0;
    this.refilter();
  }
  /** New captions from the server, except for what is being typed, and which need a look. */
  update(captions, looks, writers) {
    for (const item of this.items) {
      if (!(item.file in captions) || this.waiting.has(item.file)) continue;
      item.caption = captions[item.file];
      item.look = looks[item.file] || '';
      item.by = writers[item.file];
      this.cells.get(item.file)?.refresh();
    }
    if (this.conditions.state !== 'all') this.refilter();
    this.changed();
  }
  filter(conditions) {
    Object.assign(this.conditions, conditions);
    this.refilter();
  }
  refilter() {
    this.shown = this.sorted(filtered(this.items, this.conditions, this.selected));
    this.render();
  }
  /** Shows the images in another order: `sorted(items)`, or null for the dataset's own. */
  order(sorted) {
    this.sorted = sorted || ((items) => items);
    this.refilter();
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

  select(file, extend) {
    this.choose(selection(this.selected, this.shown, file, extend ? this.anchor : null));
    this.anchor = file;
  }
  selectShown() {
    this.choose(new Set([...this.selected, ...this.shown.map((item) => item.file)]));
  }
  clearSelection() {
    this.choose(new Set());
  }
  choose(selected) {
    this.selected = selected;
    for (const [file, cell] of this.cells) cell.markSelected(selected.has(file));
    this.changed();
  }

  typed(item, text) {
    const cell = this.cells.get(item.file);
    clearTimeout(this.waiting.get(item.file)?.timer);
    this.waiting.set(item.file, {text, timer: setTimeout(() => this.store(item.file), SAVE_AFTER)});
    Object.assign(item, {caption: text, look: '', by: ''});
    cell.markLook();
    cell.say('Saving…');
    cell.markEmpty();
    this.changed();
  }
  /** Saves what waits of one file now. What was refused waits on: for the next word, or until the studio
   *  answers again. */
  async store(file) {
    const entry = this.waiting.get(file);
    if (!entry) return;
    const {items} = this;
    clearTimeout(entry.timer);
    this.waiting.delete(file);
    try {
      await this.save(file, entry.text);
      settle(`caption of ${file}`);
      if (!this.waiting.has(file)) this.cells.get(file)?.say('Saved', 'good');
    } catch (error) {
      const same = items === this.items;
      if (same) this.cells.get(file)?.say('Not saved', 'bad');
      if (same && !this.waiting.has(file)) this.waiting.set(file, {text: entry.text, timer: 0});
      if (same && isLost()) onceConnected(() => this.flush());
      else notice(partsOf(error, 'The caption was not saved'), 'error', {cause: `caption of ${file}`});
    }
  }
  /** Saves all that waits now. */
  flush() {
    for (const file of [...this.waiting.keys()]) this.store(file);
  }

  make(item) {
    const cell = new Cell(item, this.locked, {
      pick: (event) => this.select(item.file, event.shiftKey),
      typed: (text) => this.typed(item, text),
      left: () => this.store(item.file),
      next: (by) => this.go(this.shown.indexOf(item) + by),
    });
    this.cells.set(item.file, cell);
    this.canvas.append(cell.node);
    cell.markSelected(this.selected.has(item.file));
    const copy = this.copies.get(item.file);
    if (copy && !item.problem) cell.show(copy);
    this.decorate(cell);
    return cell;
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

  get layout() {
    return layout(this.node.clientWidth, this.width);
  }
  render() {
    const {layout: lay, shown, node} = this;
    this.canvas.style.height = `${totalHeight(lay, shown.length)}px`;
    const [first, last] = itemsInView(lay, node.scrollTop, node.clientHeight || 700);
    const keep = new Set();
    for (const [offset, item] of shown.slice(first, last).entries()) {
      const cell = this.cells.get(item.file) || this.make(item);
      keep.add(item.file);
      cell.place(placeOf(lay, first + offset), lay.cell, lay.height);
    }
    for (const [file, cell] of this.cells) {
      if (keep.has(file) || cell.node.contains(document.activeElement)) continue;
      this.store(file);
      cell.node.remove();
      this.cells.delete(file);
    }
    this.fetchCopies();
  }
  /** Goes to the caption of an item that is shown. */
  go(index) {
    const item = this.shown[index];
    if (!item) return;
    const {layout: lay, node} = this;
    const [, top] = placeOf(lay, index);
    const inView = top >= node.scrollTop && top + lay.height <= node.scrollTop + node.clientHeight;
    if (!inView) node.scrollTop = Math.max(0, top - lay.gap);
    this.render();
    this.cells.get(item.file)?.text.focus();
  }
}
