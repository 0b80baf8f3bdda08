// The comparison that is open: its run while it is generated, its name, and its parts as tabs. Owns: which
// comparison is open, reading it, and the place in the page's address. Refuses to know: what the parts
// show (each follows `opened.js`), how a comparison is set up.
import {attempt, call} from '../core/calls.js';
import {hear} from '../core/channel.js';
import {el} from '../core/dom.js';
import {count, formatDuration} from '../core/format.js';
import {receive} from '../core/handover.js';
import {labelled} from '../core/icons.js';
import {insideOf, setInside} from '../core/place.js';
import {runBar} from '../core/run_bar.js';
import {poll} from '../core/timing.js';
import {insideParts, insideText} from './address.js';
import {curtain} from './curtain.js';
import {setOpened} from './opened.js';
import {partTabs} from './parts.js';

const VOTE = 'vote'; // the part that others are sent a link to
const LOOK_EVERY = 600; // milliseconds
const IDLE_LOOKS = 8; // while nothing runs, every eighth time
class Comparison {
  constructor({element, trigger, server, props}) {
    Object.assign(this, {element, trigger, server});
    this.task = null;
    this.shown = null;
    this.began = ''; // the running comparison that was opened by itself
    this.looked = false;
    this.idle = 0;
    this.turn = 0; // which reading an answer has to belong to
    this.reading = false;
    this.area = element.closest('.cmp-opened');
    this.tabs = partTabs(this.area, props.parts, () => this.place());
    this.usual = props.parts[0][0];
    this.close = curtain(this.area.parentElement, [
      this.q('.cm-what'),
      this.q('.cm-tabs'),
      this.area.querySelector('.cmp-part-vote'),
    ]);
    this.bar = runBar(this.q('.cm-run'), {
      label: 'Compare',
      start: () => trigger('compare'),
      cancel: () => server.interrupt({}),
      look: () => this.look(),
    });
  }

  q(selector) {
    return this.element.querySelector(selector);
  }
  get running() {
    return this.task?.state === 'running';
  }
  /** Whether there is nothing but a vote: somebody came by its link, or has begun to vote. Then nothing that names
   *  columns is on the page or asked for. */
  get blind() {
    return Boolean(this.shown?.blind);
  }

  title() {
    const {shown} = this;
    const state = shown.seconds ? `took ${formatDuration(shown.seconds)}` : 'in progress';
    const about = `${shown.base} · ${shown.cancelled ? 'cancelled' : state}`;
    const again = () => this.trigger('again', {id: shown.id});
    const ended = shown.complete || shown.cancelled;
    return el(
      'div.cm-title',
      {},
      el('h3.cs-card-title', {}, shown.name || 'Comparison'),
      el('span.cs-small.cs-muted', {}, about),
      el('span.cs-spacer'),
      ended && labelled('reuse', 'Use these settings', again, '.cs-quiet'),
    );
  }

  /** Tells everybody what is open now. */
  view() {
    const {shown, tabs} = this;
    tabs.leaveOut(shown?.without || []);
    this.close(this.blind);
    if (!this.blind) this.q('.cm-empty').hidden = Boolean(shown) || this.running;
    this.area.classList.toggle('is-open', Boolean(shown));
    this.area.parentElement.classList.toggle('is-blind', this.blind);
    this.q('.cm-what').replaceChildren(...(shown && !this.blind ? [this.title()] : []));
    this.q('.cm-tabs').hidden = !shown || this.blind;
    setOpened(shown, tabs.part);
  }
  /** After a person went somewhere: the address says so. */
  place() {
    setInside('compare', this.shown ? insideText(this.shown.id, this.tabs.part, this.usual) : '');
    setOpened(this.shown, this.tabs.part);
  }

  async read(id) {
    this.turn += 1;
    this.reading = true;
    const {turn} = this;
    const found = await attempt(() => call(this.server.open({id})));
    if (turn !== this.turn) return false; // another one was opened meanwhile
    this.reading = false;
    if (found) this.shown = found;
    this.view();
    return Boolean(found);
  }
  /** Shows nothing but the vote on a comparison, and does not read it; until it is read again. */
  blindly(id) {
    this.turn += 1; // a comparison that is being read would bring its names back
    this.reading = false;
    this.tabs.show(VOTE);
    Object.assign(this, {looked: true, shown: {id, blind: true}});
    this.view();
  }
  /** It was changed on disk. One that is being opened instead goes first; looking tells of the rest. */
  reread() {
    if (this.shown && !this.reading) this.read(this.shown.id);
  }
  /** What somebody asked for: `<comparison>/<part>`. */
  async open(inside, scroll = false) {
    const {id, part} = insideParts(inside);
    const before = this.tabs.part;
    this.tabs.leaveOut([]);
    this.tabs.show(part || this.usual);
    const mine = this.turn + 1;
    if (await this.read(id)) this.place();
    else if (mine === this.turn) this.tabs.show(before);
    if (this.shown && scroll) this.q('.cm-what').scrollIntoView({block: 'start'});
  }
  /** The one that was open last, else the newest. */
  async first() {
    const {id, part} = insideParts(insideOf('compare'));
    if (id && part === VOTE) {
      this.blindly(id);
      return;
    }
    const known = await attempt(() => call(this.server.newest({wanted: id})));
    if (known) {
      this.tabs.leaveOut([]);
      this.tabs.show(known === id ? part : '');
      await this.read(known);
      if (known !== id) setInside('compare', '');
    } else this.view();
  }
  removed(id) {
    if (this.shown?.id !== id) return;
    this.shown = null;
    setInside('compare', '');
    this.first();
  }

  async look() {
    if (this.blind) return;
    if (!this.looked && insideParts(insideOf('compare')).part === VOTE) {
      await this.first();
      return;
    }
    const {shown} = this;
    let answer;
    try {
      answer = await call(this.server.status({id: shown?.id || '', stamp: shown?.stamp || ''}));
    } catch {
      return; // the next look tells
    }
    const before = `${this.task?.id} ${this.task?.state}`;
    const first = !this.looked;
    Object.assign(this, {task: answer.task, looked: true});
    const {task} = this;
    const ended = task && !this.running && `${task.id} ${task.state}` !== before;
    if (answer.began && answer.began !== this.began) {
      this.began = answer.began;
      await this.open(`${answer.began}/${this.tabs.part}`);
    } else if (first || !shown) await this.first();
    else if (ended) await this.ended();
    else if (answer.changed && answer.changed.id === this.shown?.id) {
      this.shown = answer.changed;
      this.view();
    }
    this.bar.paint(task, answer.training, () => count((this.shown?.columns || []).length, 'column'));
  }
  /** What has ended is shown whole, unless somebody looks at another one by now. */
  async ended() {
    const done = this.task.result?.id;
    if (done && (done === this.shown.id || done !== this.began)) await this.open(`${done}/${this.tabs.part}`);
  }

  async tick() {
    this.idle += 1;
    const {shown} = this;
    const grows = shown && !shown.complete && !shown.cancelled; // perhaps another program generates it
    if (this.running || grows || this.bar.starting || this.idle % IDLE_LOOKS === 1) await this.look();
  }
  answered() {
    this.bar.answered();
    this.look();
  }
}

export function mount(part) {
  const comparison = new Comparison(part);
  if (part.props.parts.length > 1) comparison.q('.cm-tabs').append(comparison.tabs.node);
  comparison.q('.cm-quick').addEventListener('click', () => part.trigger('quick'));
  hear(part.element, 'studio:quick-comparison', () => part.trigger('quick'));
  comparison.bar.shortcut(document.querySelector('.cmp-layout') || document.body);
  part.watch('started', () => comparison.answered());
  part.watch('refused', () => comparison.answered());
  receive('compare:open', ({inside}) => comparison.open(inside, true));
  hear(part.element, 'studio:comparison-removed', (id) => comparison.removed(id));
  hear(part.element, 'studio:vote-begins', (id) => comparison.blindly(id));
  hear(part.element, 'studio:comparison-changed', () => comparison.reread());
  poll(part.element, () => comparison.tick(), LOOK_EVERY);
}
