// Runs that wait: their order (drag, buttons, Alt + arrows), leaving, and what a failure does.
// Owns: how the queue looks. Refuses to know: the server (callbacks are handed in).
import {attempt} from '../core/calls.js';
import {el, flip, isOn} from '../core/dom.js';
import {count} from '../core/format.js';
import {gapAt, markGap} from '../core/gaps.js';
import {icon, iconButton, labelled} from '../core/icons.js';
import {message} from '../core/notices.js';
import {methodTitle} from './run_states.js';
import {waitedText} from './run_words.js';

const KEYS = {ArrowUp: -1, ArrowDown: 1};
const GOES_ON = 'The next run begins also when one has failed';
const WAITS = 'The queue waits for you when a run has failed';

const note = (parts, ...buttons) => {
  const made = message(parts, 'warning');
  made.append(el('span.cs-toolbar', {}, buttons));
  return made;
};

/** `actions`: open(run), reorder(run, place), take(run), policy(value), goOn(), requeue(). */
class Queue {
  constructor(actions) {
    this.actions = actions;
    this.before = '';
    this.dragged = null;
    this.left = ''; // what somebody chose to leave, of what waited when the program ended
    this.list = el('ol.cs-queue', {'aria-label': 'Waiting runs, the next one first'});
    this.count = el('span.cs-muted.cs-small');
    this.notes = el('div.cs-stack', {style: {gap: '8px'}});
    const label = 'Continue with the next run when one has failed';
    const turn = () => {
      flip(this.policy); // at once, so that a second click turns it back
      this.before = '';
      attempt(() => actions.policy(isOn(this.policy)));
    };
    this.policy = el('button.cs-switch', {type: 'button', role: 'switch', 'aria-label': label, onclick: turn});
    const title = el('h3.cs-card-title', {style: {margin: '0'}}, 'Queue');
    const words = el('span.cs-small', {'aria-hidden': 'true'}, 'Continue after a failed run');
    const bar = el('div.cs-toolbar', {}, title, this.count, el('span.cs-spacer'), words, this.policy);
    const hidden = 'section.cs-card.cs-queue-card.cs-hidden';
    this.node = el(hidden, {'aria-label': 'Queue'}, bar, this.notes, this.list);
    this.takeDrops();
  }

  rowOf(run) {
    return this.list.querySelector(`[data-run="${CSS.escape(run)}"]`);
  }
  /** The row or button that has the focus, found again among new rows. */
  focused() {
    const {activeElement} = document;
    if (!this.list.contains(activeElement)) return () => null;
    const {run} = activeElement.closest('li').dataset;
    const label = activeElement.tagName === 'LI' ? null : activeElement.ariaLabel;
    const same = (button) => button.ariaLabel === label;
    return () => {
      const row = this.rowOf(run);
      return label === null ? row : [...(row?.querySelectorAll('button') || [])].find(same);
    };
  }
  /** Moves a run; the button of class `focus`, or the row itself, has the focus afterwards. */
  move(run, place, focus = '') {
    return attempt(async () => {
      await this.actions.reorder(run, place);
      const row = this.rowOf(run);
      (focus ? row?.querySelector(`${focus}:not(:disabled)`) : row)?.focus();
    });
  }

  row(run, place, total) {
    const name = run.name || run.run;
    const up = iconButton('up', `${name}: earlier`, () => this.move(run.run, place - 1, '.cs-up'), '.cs-up');
    const down = iconButton('down', `${name}: later`, () => this.move(run.run, place + 1, '.cs-down'), '.cs-down');
    up.disabled = place === 0;
    down.disabled = place === total - 1;
    const open = {type: 'button', onclick: () => this.actions.open(run.run)};
    const facts = [methodTitle(run.method), `on ${run.base}`, count(run.steps, 'step')].join(' · ');
    const take = () => attempt(() => this.actions.take(run.run));
    const item = el(
      'li.cs-queue-row',
      {draggable: 'true', tabindex: 0, 'data-run': run.run},
      el('span.cs-queue-grip', {title: 'Drag to reorder (Alt + arrow keys)'}, icon('grip')),
      el('span.cs-muted.cs-number.cs-queue-place', {}, place === 0 ? 'next' : `${place + 1}.`),
      el('button.cs-queue-name', open, name),
      el('span.cs-muted.cs-small', {}, facts),
      el('span.cs-spacer'),
      up,
      down,
      iconButton('close', `Take ${name} out of the queue`, take),
    );
    item.addEventListener('keydown', (event) => {
      const by = event.altKey && KEYS[event.key];
      if (!by || place + by < 0 || place + by >= total) return;
      event.preventDefault();
      this.move(run.run, place + by);
    });
    this.makeDraggable(item, run.run);
    return item;
  }
  makeDraggable(item, run) {
    item.addEventListener('dragstart', (event) => {
      this.dragged = run;
      event.dataTransfer.setData('application/x-studio-run', run);
      event.dataTransfer.effectAllowed = 'move';
      item.classList.add('is-dragged');
    });
    item.addEventListener('dragend', () => {
      this.dragged = null;
      markGap(this.list, -1);
      item.classList.remove('is-dragged');
    });
  }
  takeDrops() {
    const {list} = this;
    list.addEventListener('dragover', (event) => {
      if (!this.dragged) return;
      event.preventDefault();
      markGap(list, gapAt(list, event));
    });
    list.addEventListener('dragleave', (event) => {
      if (!list.contains(event.relatedTarget)) markGap(list, -1);
    });
    list.addEventListener('drop', (event) => {
      if (!this.dragged) return;
      event.preventDefault();
      const run = this.dragged;
      const to = gapAt(list, event);
      const from = [...list.children].findIndex((one) => one.dataset.run === run);
      this.dragged = null;
      markGap(list, -1);
      if (to !== from && to !== from + 1) attempt(() => this.actions.reorder(run, to > from ? to - 1 : to));
    });
  }

  pausedNote(name) {
    const parts = {what: `The queue waits because “${name}” failed`, why: 'The runs below have not begun.'};
    return note(
      parts,
      labelled(null, 'Continue', () => attempt(this.actions.goOn), '.cs-primary'),
    );
  }
  leftNote(names, leave) {
    return note(
      {what: waitedText(names.length), why: names.join(', ')},
      labelled(null, 'Queue again', () => attempt(this.actions.requeue), '.cs-primary'),
      labelled(null, 'Leave', leave, '.cs-quiet'),
    );
  }

  update(queue, runs) {
    const found = (run) => runs.find((one) => one.run === run) || {run};
    const nameOf = (run) => found(run).name || run;
    const offered = queue.left.join() === this.left ? [] : queue.left;
    const waiting = queue.waiting.map(found);
    const key = JSON.stringify([queue, offered, waiting]);
    if (key === this.before || this.dragged) return;
    this.before = key;
    this.node.classList.toggle('cs-hidden', !waiting.length && !queue.paused_by && !offered.length);
    this.count.textContent = waiting.length ? `${waiting.length} waiting` : '';
    this.policy.setAttribute('aria-checked', String(queue.continue_on_error));
    this.policy.title = queue.continue_on_error ? GOES_ON : WAITS;
    const again = this.focused();
    this.list.replaceChildren(...waiting.map((run, place) => this.row(run, place, waiting.length)));
    again()?.focus();
    const leave = () => {
      this.left = queue.left.join();
      this.update(queue, runs);
    };
    const notes = [
      queue.paused_by && this.pausedNote(nameOf(queue.paused_by)),
      offered.length && this.leftNote(offered.map(nameOf), leave),
    ];
    this.notes.replaceChildren(...notes.filter(Boolean));
  }
}

/** {node, update(queue, runs)}. */
export function runQueue(actions) {
  const queue = new Queue(actions);
  return {node: queue.node, update: (state, runs) => queue.update(state, runs)};
}
