// The live view of one run and the list of all. Owns: which run is shown and asking for what is new.
// Everything shown comes from the run's folder, so reloading changes nothing.
import {fileUrl} from '../core/address.js';
import {attempt, call} from '../core/calls.js';
import {tell} from '../core/channel.js';
import {el, intoView} from '../core/dom.js';
import {openTab, receive} from '../core/handover.js';
import {notice} from '../core/notices.js';
import {insideOf, setInside} from '../core/place.js';
import {poll} from '../core/timing.js';
import {learntList} from './learnt_list.js';
import {lossPlot} from './loss_plot.js';
import {openResumeForm} from './resume_form.js';
import {runDiff} from './run_diff.js';
import {runHead} from './run_head.js';
import {runList} from './run_list.js';
import {runMessages} from './run_messages.js';
import {runQueue} from './run_queue.js';
import {isActive} from './run_states.js';
import {sampleGrid} from './sample_grid.js';

const EMPTY =
  'Choose images and a method on the left, then press Start training. ' +
  'Here you will watch the loss fall and the same images change, step by step.';
const TO_TRASH = 'Move this run to the trash? Its finished file in the library stays.';

class RunView {
  constructor({element, props, server, trigger}) {
    Object.assign(this, {element, props, server, trigger});
    this.current = ''; // the run that is shown
    this.chosen = false; // by somebody, not because it is the newest
    this.generation = 0; // counts the runs that were shown
    this.looking = false;
    this.using = false; // a checkpoint is being written as a file
    this.acting = 0; // commands that have not ended
    this.lastAct = Promise.resolve();
    this.asked = 0; // counts the questions for all runs
    this.newest = 0; // the question whose answer is shown
    this.startOver();
    const use = (step) => attempt(() => this.useCheckpoint(step));
    this.plot = lossPlot(use);
    this.samples = sampleGrid(use);
    this.learnt = learntList(server);
    this.messages = runMessages();
    this.difference = runDiff(() => {
      this.list.clear();
      this.difference.hide();
    });
    this.list = runList(
      (run) => this.show(run, true),
      (pair) => this.compare(pair),
    );
    this.head = runHead({
      command: (command) => this.command(command),
      resume: (changes) => this.resumeCurrent(changes),
      change: () => this.changeCurrent(),
      clone: () => trigger('clone', {run: this.current}),
      remove: () => this.remove(),
    });
    this.queue = runQueue(this.queueActions());
    this.lay();
  }

  startOver() {
    Object.assign(this, {since: 0, dataset: '', verification: null});
  }
  lay() {
    const title = el('p.cs-empty-title', {}, 'No run yet');
    this.empty = el('div.cs-empty.cs-runs-empty', {}, title, el('p', {}, EMPTY));
    const parts = [this.head.node, this.messages.advice, this.plot.node, this.samples.node, this.learnt.node];
    parts.push(this.messages.node);
    this.live = el('div.cs-stack.cs-hidden', {}, parts);
    const root = this.element.querySelector('.cs-runs');
    root.append(this.empty, this.queue.node, this.live, this.list.node, this.difference.node);
  }

  queueActions() {
    const {server} = this;
    return {
      open: (run) => this.show(run, true),
      reorder: (run, place) => this.act(() => server.reorder({run, place})),
      take: (run) => this.act(() => server.command({run, command: 'stop'})),
      policy: (value) => this.act(() => server.policy({continue_on_error: value})),
      goOn: () => this.act(() => server.go_on(null)),
      requeue: () => this.act(() => server.requeue(null)),
    };
  }
  /** Commands go one after the other. What was asked before one ended is old when it arrives. */
  act(ask) {
    this.acting += 1;
    const quietly = (promise) => promise.catch(() => {});
    const run = async () => {
      try {
        return await call(ask());
      } finally {
        this.acting -= 1;
        this.asked += 1;
        this.newest = this.asked;
        await quietly(this.refresh());
      }
    };
    this.lastAct = quietly(this.lastAct).then(run);
    return this.lastAct;
  }
  async compare(pair) {
    if (!pair) this.difference.hide();
    else await attempt(async () => this.difference.show(await call(this.server.difference({runs: pair}))));
  }
  async command(command) {
    await call(this.server.command({run: this.current, command}));
    await this.look();
  }
  async resumeCurrent(changes) {
    const goesOn = await this.resume(this.current, changes);
    await this.refresh();
    return goesOn;
  }
  /** A checkpoint as a file of the library, on the stack of the Generate tab. */
  async useCheckpoint(step) {
    if (this.using) return;
    this.using = true;
    const waiting = notice({what: `Writing the file of step ${step} …`}, 'good', {seconds: 1e6});
    try {
      const {path, base} = await call(this.server.use_checkpoint({run: this.current, step}));
      tell('studio:library', {});
      openTab('generate', {adapters: [path], base});
    } finally {
      waiting.remove();
      this.using = false;
    }
  }
  async changeCurrent() {
    const {config} = await call(this.server.view({run: this.current, since: 0}));
    openResumeForm(this.element, config, (changes) => this.resumeCurrent(changes));
  }
  /** What changed in the dataset is said before anything continues with it. Returns whether it goes on. */
  async resume(run, changes, accept = false) {
    try {
      await call(this.server.resume({run, accept, changes}));
      return true;
    } catch (error) {
      const {kind, what, why} = error.parts || {};
      if (accept || kind !== 'DatasetChanged') throw error;
      const question = `${what}.\n\n${why}\n\nContinue with what is there now?`;
      return globalThis.confirm(question) && this.resume(run, changes, true);
    }
  }
  async remove() {
    const run = this.current;
    if (!globalThis.confirm(TO_TRASH)) return;
    await call(this.server.delete({run}));
    notice({what: 'The run is in the workspace’s trash'}, 'good');
    this.leave();
    await this.refresh();
  }

  show(run, byHand = false) {
    this.chosen ||= byHand;
    if (this.chosen) setInside('train', run);
    if (run === this.current) return;
    this.current = run;
    this.generation += 1;
    this.startOver();
    for (const part of [this.plot, this.samples, this.learnt, this.messages]) part.clear();
    this.empty.classList.add('cs-hidden');
    this.live.classList.remove('cs-hidden');
    this.look();
  }

  async look() {
    if (!this.current || this.looking) return;
    this.looking = true;
    const mine = this.generation;
    try {
      const answer = await call(this.server.view({run: this.current, since: this.since}));
      if (mine === this.generation) this.learn(answer);
    } catch (error) {
      if (error.parts?.kind === 'MissingError') this.gone();
    } finally {
      this.looking = false;
      if (mine !== this.generation) this.look();
    }
  }
  learn(answer) {
    this.since = answer.next;
    for (const part of [this.plot, this.samples]) part.keep(answer.checkpoints);
    if (answer.config) this.dataset = answer.dataset;
    this.plot.add(answer.steps.filter(([, loss]) => typeof loss === 'number'));
    for (const event of answer.events) this.take(event);
    this.learnt.show(this.current, answer.state.state);
    this.head.update(answer.state, this.dataset, this.plot.last(), this.verification, answer.suggestion || {});
  }
  take(event) {
    if (event.kind === 'validation') this.plot.validation(event);
    else if (event.kind === 'image_losses') this.learnt.load();
    else if (event.kind === 'sample') {
      this.samples.add({...event, images: event.images.map((path) => path && fileUrl(path))});
    } else {
      if (event.kind === 'saved') this.plot.mark(event.step);
      if (event.kind === 'finished') this.verification = event.verify;
      this.messages.add(event);
    }
  }
  /** The run that was shown is not there any more. */
  leave() {
    this.current = '';
    this.chosen = false;
    setInside('train', '');
  }
  gone() {
    this.leave();
    this.live.classList.add('cs-hidden');
  }

  async refresh() {
    this.asked += 1;
    const mine = this.asked;
    const {runs, queue} = await call(this.server.runs(null));
    if (this.acting || mine < this.newest) return;
    this.newest = mine;
    const works = (run) => isActive(run.state) && run.state !== 'queued';
    tell('studio:runs', {going: runs.some((run) => isActive(run.state))});
    const active = runs.find(works) || runs.find((run) => run.state === 'queued');
    if (!this.current || (!this.chosen && active && active.run !== this.current)) {
      const next = active || runs[0];
      if (next) this.show(next.run);
    }
    if (!runs.length) {
      this.live.classList.add('cs-hidden');
      this.empty.classList.remove('cs-hidden');
    }
    this.list.node.classList.toggle('cs-hidden', !runs.length);
    this.list.update(runs, this.current);
    this.queue.update(queue, runs);
  }

  /** Python asks for a run: `<id>#<anything>`, so that the same one can be asked for twice. */
  openAsked() {
    if (!this.props.open_run) return;
    this.show(this.props.open_run.split('#')[0], true);
    this.refresh();
    intoView(this.head.node);
  }
}

export function mount(part) {
  const view = new RunView(part);
  part.watch('open_run', () => view.openAsked());
  receive('train:run', (payload) => {
    if (payload.run) view.show(payload.run, true);
  });
  const last = insideOf('train');
  if (last) view.show(last, true);
  poll(part.element, () => view.look(), 1000);
  poll(part.element, () => view.refresh(), 2500);
}
