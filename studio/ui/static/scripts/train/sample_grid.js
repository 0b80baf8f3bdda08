// Sample images of a run, prompt by prompt and step by step; the first column is step 0.
// Owns: the grid and the large view. Refuses to know: how images are made.
import {closeBeside, el, sharpen} from '../core/dom.js';
import {count} from '../core/format.js';
import {iconButton} from '../core/icons.js';
import {clamp} from '../core/values.js';

const EMPTY = 'The first row of images appears before the first step, so that every later one can be compared with it.';
const KEYS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
const NEAR_END = 40; // pixels from the right: the grid then follows what is new

const title = (step) => (step === 0 ? 'before' : `step ${step}`);
const sizeText = (prompts, steps) => `${count(prompts, 'prompt')} at ${count(steps, 'step')}, always the same noise`;
const sameTexts = (a, b) => a.length === b.length && a.every((text, k) => text === b[k]);

class SampleGrid {
  constructor(use) {
    this.use = use; // use(step): the checkpoint of that step is wanted
    this.kept = []; // steps whose checkpoints are on disk
    this.columns = new Map(); // step → {step, images: [address], prompts: [text]}
    this.prompts = [];
    this.rows = [];
    this.pinned = true; // to the right end
    this.table = el('div.cs-samples-table', {role: 'table', 'aria-label': 'Samples by prompt and step'});
    const sideways = {tabindex: '0', 'aria-label': 'Samples, scroll sideways'};
    this.scroller = el('div.cs-samples-scroll', sideways, this.table);
    this.note = el('span.cs-small.cs-muted');
    this.empty = el('p.cs-muted.cs-small', {style: {margin: '0'}}, EMPTY);
    this.large = el('dialog.cs-lightbox', {'aria-label': 'Sample'});
    closeBeside(this.large);
    const heading = el('h3.cs-card-title', {style: {margin: '0'}}, 'Samples');
    const bar = el('div.cs-toolbar', {}, heading, this.note, el('span.cs-spacer'), this.sizeInput());
    const parts = [bar, this.empty, this.scroller, this.large];
    this.node = el('section.cs-card.cs-samples', {'aria-label': 'Samples'}, parts);
    this.scroller.addEventListener('scroll', () => {
      const {scrollLeft, clientWidth, scrollWidth} = this.scroller;
      this.pinned = scrollLeft + clientWidth > scrollWidth - NEAR_END;
    });
  }

  sizeInput() {
    const limits = {type: 'range', min: 64, max: 240, value: 104, title: 'Size'};
    const size = el('input.cs-range', {...limits, 'aria-label': 'Size of the samples'});
    size.addEventListener('input', () => this.table.style.setProperty('--cs-sample', `${size.value}px`));
    return size;
  }
  get order() {
    return [...this.columns.keys()].sort((a, b) => a - b);
  }

  useButton(step) {
    const label = `Use the checkpoint of step ${step} in Generate`;
    const onclick = () => {
      this.large.close();
      this.use(step);
    };
    const attributes = {type: 'button', title: label, 'aria-label': label, onclick};
    return this.kept.includes(step) && el('button.cs-button.cs-quiet.cs-sample-use', attributes, 'Use');
  }
  heading(step) {
    const attributes = {role: 'columnheader'};
    return el('div.cs-samples-step.cs-small.cs-number', attributes, title(step), this.useButton(step));
  }
  keep(steps) {
    if (steps.join() === this.kept.join()) return;
    this.kept = steps;
    this.table.firstChild?.replaceChildren(...this.headings());
  }
  headings() {
    const corner = el('div.cs-samples-prompt', {role: 'columnheader'});
    return [corner, ...this.order.map((step) => this.heading(step))];
  }

  cell(step, index) {
    const src = this.columns.get(step)?.images[index];
    if (!src) return el('div.cs-sample', {role: 'cell'});
    const prompt = this.prompts[index];
    const onload = (event) => sharpen(event.currentTarget, 160);
    const image = el('img', {src, alt: `${title(step)}: ${prompt}`, loading: 'lazy', decoding: 'async', onload});
    const attributes = {
      type: 'button',
      title: `${title(step)} · ${prompt}`,
      onclick: () => this.enlarge(step, index),
    };
    return el('div.cs-sample', {role: 'cell'}, el('button', attributes, image));
  }
  row(prompt, index) {
    const heading = {role: 'rowheader', title: prompt};
    const words = el('div.cs-samples-prompt.cs-small', heading, el('span', {}, prompt || '(empty)'));
    const cells = this.order.map((step) => this.cell(step, index));
    return el('div.cs-samples-row', {role: 'row'}, words, cells);
  }
  build() {
    const head = el('div.cs-samples-row', {role: 'row'}, this.headings());
    this.rows = this.prompts.map((prompt, index) => this.row(prompt, index));
    this.table.replaceChildren(head, ...this.rows);
    this.finish();
  }
  finish() {
    const {size} = this.columns;
    this.empty.classList.toggle('cs-hidden', size > 0);
    this.scroller.classList.toggle('cs-hidden', !size);
    this.note.textContent = size ? sizeText(this.prompts.length, size) : '';
    if (this.pinned) this.scroller.scrollLeft = this.scroller.scrollWidth;
  }

  /** One more column; the whole grid is made anew only when it does not go to the right end. */
  add(event) {
    const last = Math.max(-1, ...this.columns.keys());
    const behind = event.step > last && sameTexts(event.prompts, this.prompts) && this.rows.length > 0;
    this.prompts = event.prompts;
    this.columns.set(event.step, event);
    if (!behind) {
      this.build();
      return;
    }
    this.table.firstChild.append(this.heading(event.step));
    for (const [index, row] of this.rows.entries()) row.append(this.cell(event.step, index));
    this.finish();
  }
  clear() {
    this.columns.clear();
    Object.assign(this, {prompts: [], rows: [], kept: [], pinned: true});
    this.table.replaceChildren();
    this.finish();
  }

  /** The large view; arrow keys go through steps and prompts. */
  enlarge(step, index) {
    const {order, large} = this;
    let at = order.indexOf(step);
    let row = index;
    const go = (across, down = 0) => {
      at = clamp(at + across, 0, order.length - 1);
      row = clamp(row + down, 0, this.prompts.length - 1);
      show();
    };
    const image = el('img', {onload: () => sharpen(image, 300)});
    const [heading, words, use] = [el('b'), el('span.cs-muted'), el('span')];
    const buttons = [
      iconButton('left', 'Earlier step', () => go(-1)),
      iconButton('right', 'Later step', () => go(1)),
      iconButton('close', 'Close', () => large.close()),
    ];
    large.replaceChildren(image, el('div.cs-toolbar', {}, heading, words, el('span.cs-spacer'), use, buttons));
    const show = () => {
      const prompt = this.prompts[row];
      Object.assign(image, {src: this.columns.get(order[at]).images[row], alt: prompt});
      heading.textContent = title(order[at]);
      words.textContent = prompt;
      use.replaceChildren(...[this.useButton(order[at])].filter(Boolean));
    };
    large.onkeydown = (event) => {
      const by = KEYS[event.key];
      if (!by) return;
      event.preventDefault();
      go(...by);
    };
    show();
    large.showModal();
  }
}

/** {node, add(event), keep(steps), clear}; `use(step)` is called where a checkpoint was chosen. */
export function sampleGrid(use) {
  const grid = new SampleGrid(use);
  return {
    node: grid.node,
    add: (event) => grid.add(event),
    keep: (steps) => grid.keep(steps),
    clear: () => grid.clear(),
  };
}
