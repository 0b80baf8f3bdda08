// The card that says what a run learnt of the images that are open, and marks those it never learnt.
// Owns: the card, the marks, the order. Refuses to know: how it was measured, the grid's cells.
import {attempt, call} from '../core/calls.js';
import {el} from '../core/dom.js';
import {HEADINGS, hasWorth, inOrder, learntText, sourceText, titleOf, worthText} from './learnt_rules.js';
import {button} from './panels.js';

const LISTED = 6;
const NEVER = 'Never learnt';
const FIRST = 'Least learnt first';
const WHY =
  'An image whose caption tells the model no more than that of another image is often mislabelled. ' +
  'Others may show something their captions do not say.';
const ALIKE = 'All captions are alike, so only what was learnt of each image can be told.';

/** The head of a table of images. */
export const headings = (first) =>
  [[first, null], ...HEADINGS].map(([text, title]) => el('th.cs-number', {title}, text));

const small = (...children) => el('p.cs-small.cs-muted', {style: {margin: '0'}}, children);

/** `around`: showOnly(files, title), grid. `ask(dataset)` answers the newest measurement, or null. */
export class LearntCard {
  constructor(ask, around) {
    Object.assign(this, {ask, around});
    this.rows = new Map();
    this.found = null;
    this.turn = 0;
    this.node = el('section.cs-card.cs-stack.cs-hidden', {style: {gap: '10px'}, 'aria-label': 'What a run learnt'});
    around.grid.decorators.push((cell) => this.mark(cell));
  }

  /** Another dataset is open, or this one is looked at again. */
  opened(dataset) {
    this.turn += 1;
    const {turn} = this;
    this.show(null);
    return attempt(async () => {
      const found = await this.ask(dataset);
      if (turn === this.turn) this.show(found);
    });
  }
  show(found) {
    this.found = found;
    this.rows = new Map((found?.rows || []).map((row) => [row.file, row]));
    this.sort(false);
    this.node.classList.toggle('cs-hidden', !found);
    if (found) this.node.replaceChildren(...this.parts(found));
    this.around.grid.decorateAll();
  }
  parts(found) {
    const never = found.rows.filter((row) => row.never);
    const toggle = () => this.sort(!this.sorted);
    this.order = button(FIRST, toggle);
    return [
      el('h3.cs-card-title', {style: {margin: '0'}}, 'What a run learnt'),
      small(sourceText(found)),
      this.neverBox(never),
      this.table(found.rows.slice(0, LISTED)),
      small(hasWorth(found) ? WHY : ALIKE),
      el('div.cs-toolbar', {}, this.order),
    ].filter(Boolean);
  }
  neverBox(never) {
    if (!never.length) return null;
    const files = never.map(({file}) => file);
    const onclick = () => this.around.showOnly(files, NEVER);
    const words = [el('span.cs-finding-title', {}, NEVER), el('span.cs-small.cs-muted', {}, String(never.length))];
    const head = el('button.cs-finding', {type: 'button', 'data-severity': 'warning', onclick}, words);
    return el('div.cs-finding-box', {}, head);
  }
  table(rows) {
    const head = el('tr', {}, headings('image'));
    const line = (row) => {
      const onclick = () => this.around.showOnly([row.file], row.file);
      const name = el('button.cs-link', {type: 'button', title: titleOf(row), onclick}, row.file);
      const figures = [worthText(row), learntText(row)].map((text) => el('td.cs-number', {}, text));
      return el('tr', {}, el('td', {}, name), figures);
    };
    return el('div.cs-report', {}, el('table.cs-report-table', {}, head, rows.map(line)));
  }
  sort(on) {
    this.sorted = on;
    if (this.order) this.order.textContent = on ? 'In the dataset’s order' : FIRST;
    const rows = this.found?.rows || [];
    this.around.grid.order(on ? (items) => inOrder(items, rows) : null);
  }

  /** Puts the mark on the image of a cell, or takes it off. */
  mark(cell) {
    cell.pick.querySelector('.cs-learnt-mark')?.remove();
    const row = this.rows.get(cell.item.file);
    if (row?.never) cell.pick.append(el('span.cs-learnt-mark.cs-small', {title: titleOf(row)}, NEVER));
  }
}

/** `server` of the tab → the card. */
export const learntCard = (server, around) =>
  new LearntCard((dataset) => call(server.learnt_images({dataset})), around);
