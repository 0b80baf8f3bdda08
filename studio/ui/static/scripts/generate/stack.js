// The adapter stack: one lane, or several side by side. Owns: the list of lanes, undo, the memory
// that survives a reload. Refuses to know: what an adapter does, how cards look.
// Value: lanes as in `lanes.js`.
import {laneTitle} from '../core/adapters.js';
import {attempt, call} from '../core/calls.js';
import {hear, tell} from '../core/channel.js';
import {restored} from '../core/draft.js';
import {count} from '../core/format.js';
import {receive} from '../core/handover.js';
import {icon} from '../core/icons.js';
import {recall, remember} from '../core/memory.js';
import {freeName} from '../core/names.js';
import {notice} from '../core/notices.js';
import {ownValue} from '../core/own_value.js';
import {tables} from '../core/tables.js';
import {clone} from '../core/values.js';
import {Effects} from './effects.js';
import {catchFiles, Intake} from './intake.js';
import * as model from './lanes.js';
import {stackFiles, tellLoaded} from './stack_files.js';
import {laneView} from './stack_lane.js';

const MOST_UNDO = 50;
const NARROW = 330; // pixels; Gradio drops @container rules, so narrow lanes are told by their width

class Stack {
  constructor(part) {
    Object.assign(this, {part, element: part.element, props: part.props, server: part.server});
    this.known = new Map(); // path → facts of a card, as the server described them
    this.views = []; // one per lane
    this.past = [];
    this.current = 0; // the lane that was used last
    this.lanes = [model.EMPTY_LANE];
    this.memory = `cs-lanes:${part.props.place}`;
    this.effects = new Effects(this);
    this.intake = new Intake(this);
    this.setValue = ownValue(part, () => this.fromPython());
  }

  q(selector) {
    return this.element.querySelector(selector);
  }
  say(text) {
    this.q('.st-said').textContent = text;
  }
  nameOf(path) {
    return model.nameOf(this.known, path);
  }
  laneName(at) {
    return laneTitle(this.lanes[at], at);
  }
  find(at, path) {
    return model.placeOf(this.lanes[at], path);
  }
  /** The prompt that all lanes share. */
  prompt() {
    return document.querySelector(`#${this.props.prompt} textarea`)?.value || '';
  }

  put(next) {
    this.lanes = next;
    this.current = Math.min(this.current, next.length - 1);
    this.render();
    this.describe();
  }
  keep() {
    remember('browser', this.memory, JSON.stringify(this.lanes));
  }
  remembered() {
    this.past = [...this.past.slice(1 - MOST_UNDO), this.lanes];
  }
  commit(next, said = '', undoable = true) {
    if (undoable) this.remembered();
    this.put(next);
    this.setValue(this.lanes);
    this.part.trigger('input');
    this.keep();
    if (said) this.say(said);
  }
  undo() {
    if (this.past.length) this.commit(this.past.pop(), 'Undone', false);
  }
  fromPython() {
    const next = clone(this.props.value);
    if (!next?.length) return;
    this.remembered(); // what an image brought can be undone too
    this.put(next);
    this.keep();
  }

  patchLane(at, fields, said) {
    this.commit(model.withLane(this.lanes, at, fields), said);
  }
  patch(at, path, fields) {
    this.commit(model.withItem(this.lanes, at, path, fields));
  }
  remove(at, path) {
    this.commit(model.withoutItem(this.lanes, at, path), `${this.nameOf(path)} removed`);
  }
  /** `index` counts places before a card is taken out of its own lane. */
  move(from, path, to, index = this.lanes[to].stack.length, copy = false) {
    if (from !== to && this.find(to, path) >= 0) {
      this.say(`${this.nameOf(path)} is in ${this.laneName(to)} already`);
      this.views[to].flash(path);
      return;
    }
    const found = model.moved(this.lanes, {from, path, to, index, copy});
    if (!found) return;
    this.current = to;
    const where = `place ${found.place + 1} of ${found.lanes[to].stack.length}`;
    const [verb, target] =
      from === to ? ['moved', where] : [copy ? 'copied' : 'moved', `${this.laneName(to)}, ${where}`];
    this.commit(found.lanes, `${this.nameOf(path)} ${verb} to ${target}`);
    this.views[to].flash(path);
  }
  step(at, path, by) {
    const to = this.find(at, path) + by;
    if (to >= 0 && to < this.lanes[at].stack.length) this.move(at, path, at, by > 0 ? to + 1 : to);
  }
  shift(at, path, by, copy) {
    const lane = this.lanes[at + by];
    if (lane) this.move(at, path, at + by, Math.min(this.find(at, path), lane.stack.length), copy);
    else this.say(`There is no lane to the ${by < 0 ? 'left' : 'right'}`);
  }
  add(path, at = this.current, index = this.lanes[at].stack.length) {
    if (this.find(at, path) < 0) {
      const where = this.lanes.length > 1 ? ` to ${this.laneName(at)}` : '';
      this.commit(model.withAdded(this.lanes, at, path, index), `${this.nameOf(path)} added${where}`);
    }
    this.views[at].flash(path);
  }
  /** A lane beside another: empty, or a copy of it. */
  addLane(at, like = null) {
    if (this.lanes.length >= tables.limits.lanes) return;
    const named = this.lanes.map((lane, k) => ({...lane, name: this.laneName(k)}));
    const wanted = like === null ? `Lane ${named.length + 1}` : named[like].name;
    const name = freeName(
      wanted,
      named.map((lane) => lane.name),
    );
    const lane = {...(like === null ? model.EMPTY_LANE : clone(named[like])), name};
    this.current = at;
    this.commit(named.toSpliced(at, 0, lane), `${name} added, lane ${at + 1} of ${named.length + 1}`);
    this.views[at].focus();
  }
  removeLane(at) {
    this.commit(this.lanes.toSpliced(at, 1), `${this.laneName(at)} removed`);
  }
  focused(at) {
    if (this.current === at) return;
    this.current = at;
    this.render();
  }

  render() {
    const many = this.lanes.length > 1;
    while (this.views.length > this.lanes.length) this.views.pop().node.remove();
    while (this.views.length < this.lanes.length) {
      const view = laneView(this.views.length, this);
      this.views.push(view);
      this.q('.st-lanes').append(view.node);
    }
    this.q('.st').classList.toggle('is-many', many);
    for (const [at, view] of this.views.entries()) view.sync(this.lanes[at], many, at === this.current);
    this.q('.st-undo').disabled = !this.past.length;
    this.q('.st-lane').disabled = this.lanes.length >= tables.limits.lanes;
    const on = this.lanes.flatMap((lane) => lane.stack).filter((item) => item.enabled).length;
    this.q('.st-count').textContent = many ? count(this.lanes.length, 'lane') : on ? `${on} on` : '';
    this.intake.render();
    tell('studio:lanes-shown', null);
    const words = many ? [] : model.triggersOf(this.lanes[0], this.known); // several lanes offer their own
    tell('studio:words', {target: this.props.target, words});
  }

  /** Asks for the facts of cards that are not known yet, or of all. */
  async describe(all = false) {
    const every = new Set(this.lanes.flatMap((lane) => lane.stack.map((item) => item.path)));
    const paths = [...every].filter((path) => all || !this.known.has(path));
    if (!paths.length) return;
    await attempt(async () => {
      const cards = await call(this.server.describe({paths, base: this.props.base}));
      for (const card of cards) this.known.set(card.path, card);
    });
    this.render();
  }

  /** A file of the library has another name or place. */
  renamed({from, to}) {
    this.past = this.past.map((lanes) => model.withRenamed(lanes, from, to));
    if (!this.lanes.some((lane) => model.placeOf(lane, from) >= 0)) return;
    this.commit(model.withRenamed(this.lanes, from, to), '', false);
  }

  /** A stack that was saved under a name. */
  load(loaded, at = this.current) {
    this.patchLane(at, {stack: loaded.items}, `${loaded.name} loaded`);
    tellLoaded(loaded, this.props.base);
  }

  buttons() {
    const q = (selector) => this.q(selector);
    stackFiles(q('.st-files'), q('.st-saved'), this);
    q('.st-undo').prepend(icon('undo'));
    for (const name of ['.st-lane', '.st-browse']) q(name).prepend(icon('plus', 14));
    q('.st-undo').addEventListener('click', () => this.undo());
    q('.st-lane').addEventListener('click', () => this.addLane(this.lanes.length));
    q('.st-browse').addEventListener('click', () => q('.st-picker').click());
    q('.st-picker').addEventListener('change', (event) => {
      this.intake.take([...event.target.files]);
      event.target.value = '';
    });
    this.element.addEventListener('keydown', (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.key !== 'z' || event.target.matches('input, textarea')) return;
      event.preventDefault();
      this.undo();
    });
    catchFiles(this);
  }

  listen() {
    hear(this.element, 'studio:words?', () => this.render());
    hear(this.element, 'studio:lanes?', (answer) => answer(clone(this.lanes), this.current));
    document.addEventListener('input', (event) => {
      if (event.target.matches?.(`#${this.props.prompt} textarea`)) this.render();
    });
    hear(this.element, 'studio:renamed', (places) => this.renamed(places));
    hear(this.element, 'studio:labels', () => this.describe(true));
    this.part.watch('reports', () => this.render());
    this.part.watch('base', () => {
      this.effects.clear();
      this.describe(true);
    });
    new ResizeObserver(([lane]) => {
      const {width} = lane.contentRect;
      if (width) this.q('.st').classList.toggle('is-narrow', width < NARROW);
    }).observe(this.views[0].node);
  }

  begin() {
    const lanes = model.remembered(recall('browser', this.memory), tables.limits.lanes);
    this.put(lanes || clone(this.props.value) || this.lanes);
    if (!lanes) return;
    this.setValue(this.lanes);
    this.part.trigger('input');
  }

  receive() {
    const {target} = this.props;
    // What was generated last, for a browser that remembers nothing of its own.
    receive(`${target}:lanes`, (value) => {
      const some = (lanes) => lanes.length > 1 || lanes.some((lane) => lane.stack.length);
      if (!some(this.lanes) && some(value)) this.commit(clone(value));
    });
    // From the library beside it: into the lane that is marked.
    receive(`${target}:add`, ({paths}) => {
      for (const path of paths) this.add(path);
    });
    // “Try it in Generate” elsewhere in the studio: {adapters: [path], base: name if known}.
    receive(target, (payload) => this.brought(payload));
  }

  /** With several lanes the files go to the one that is marked, and that is said where it is seen. */
  async brought({base, adapters = []}) {
    await restored(this.props.target); // the draft has a base of its own
    if (base && base !== this.props.base) this.part.trigger('rebase', {base});
    for (const path of adapters) this.add(path);
    if (this.lanes.length < 2 || !adapters.length) return;
    const names = adapters.map((path) => this.nameOf(path)).join(', ');
    notice(
      {
        what: `${names} is in ${this.laneName(this.current)}`,
        why: 'Of several lanes, the one used last takes what comes from elsewhere. Undo takes it out again.',
      },
      'good',
    );
  }
}

export function mount(part) {
  const stack = new Stack(part);
  stack.buttons();
  stack.begin();
  stack.listen();
  stack.receive();
}
