// The card for automatic captions. Owns: starting, progress, what came of it, bringing captions back.
// Refuses to know: how images are shown.
import {attempt, refusal} from '../core/calls.js';
import {el} from '../core/dom.js';
import {labelled} from '../core/icons.js';
import {message, notice} from '../core/notices.js';
import {poll} from '../core/timing.js';
import {appendQuestion, changeText, continueText, outcomeOf, replaceQuestion, undoneParts} from './auto_words.js';
import {CaptionerForm} from './captioner_form.js';
import {missing} from './captioner_rules.js';
import {previewList} from './preview_list.js';

const NONE_SELECTED = {
  what: 'No image is selected',
  remedy: 'Click the images you mean, or choose another group.',
};
const REFRESH_EVERY = 1500; // milliseconds, while captions are written

/** `asks`: what the card asks the server: start(argument), latest(), cancel(), replaces(files), undo(),
 *  host(address). `describe`: the kinds of captioner, their fields, and preset questions.
 *  `around`: dataset(), selection(), save() what waits, refresh() the captions. */
export class AutoCard {
  constructor(asks, around, describe) {
    Object.assign(this, {asks, around});
    this.form = new CaptionerForm(describe, asks.host);
    this.agreed = new Set(); // hosts that images may be sent to
    this.last = null; // the task as it was seen last
    this.refreshed = 0;
    this.bar = el('i');
    this.words = el('span.cs-small.cs-muted.cs-number');
    this.outcome = el('div', {'aria-live': 'polite'});
    this.prefix = el('input.cs-input', {
      placeholder: 'e.g. the trigger word',
      'aria-label': 'Text in front of every caption',
    });
    this.which = el(
      'select.cs-input',
      {'aria-label': 'Which images'},
      el('option', {value: 'missing'}, 'Images without a caption'),
      el('option', {value: 'all'}, 'All images (replaces captions)'),
      el('option', {value: 'append'}, 'All images (behind their captions)'),
      el('option', {value: 'selected'}, 'Selected images (replaces captions)'),
      el('option', {value: 'selected-append'}, 'Selected images (behind their captions)'),
    );
    this.node = this.lay();
    poll(this.node, async () => this.show(await asks.latest()), 700);
  }

  lay() {
    const label = {role: 'progressbar', 'aria-label': 'Captioning'};
    const start = () => attempt(() => this.start(), this.run);
    this.run = el('button.cs-button.cs-primary', {type: 'button', onclick: start}, 'Describe images');
    const preview = () => attempt(() => this.start({preview: true}), this.try);
    const tried = {type: 'button', onclick: preview, title: 'What three images would get; nothing is written'};
    this.try = el('button.cs-button', tried, 'Preview');
    const resume = () => attempt(() => this.start({resume: true}), this.goOn);
    this.goOn = el('button.cs-button.cs-hidden', {type: 'button', onclick: resume});
    const cancel = {type: 'button', onclick: () => attempt(() => this.cancel())};
    this.stop = el('button.cs-button.cs-hidden', cancel, 'Cancel');
    const progress = el('div.cs-progress', label, this.bar);
    this.progress = el('div.cs-stack.cs-hidden', {style: {gap: '6px'}}, progress, this.words);
    this.backWords = el('span.cs-small.cs-muted');
    const undo = () => attempt(() => this.undo(), this.backButton);
    this.backButton = labelled('undo', 'Bring the earlier captions back', undo, '.cs-quiet.cs-undo');
    this.back = el('div.cs-stack.cs-hidden', {style: {gap: '4px'}}, this.backWords, this.backButton);
    const title = 'Describe automatically';
    return el(
      'section.cs-card.cs-stack',
      {style: {gap: '10px'}, 'aria-label': title},
      el('h3.cs-card-title', {style: {margin: '0'}}, title),
      this.form.node,
      el('label.cs-label', {}, 'Images', this.which),
      el('label.cs-label', {}, 'Put in front of each caption', this.prefix),
      el('div.cs-toolbar', {}, this.run, this.try, this.stop),
      this.goOn,
      this.progress,
      this.outcome,
      this.back,
    );
  }

  async start({preview = false, resume = false} = {}) {
    const {asks, around, form} = this;
    const which = this.which.value;
    const files = [...around.selection()];
    const selected = which.startsWith('selected');
    const captioner = form.settings;
    if (!resume) {
      if (selected && !files.length) throw refusal(NONE_SELECTED);
      const lacks = missing(form.chosen, captioner);
      if (lacks) throw refusal(lacks);
      if (captioner.address && !(await this.maySend(captioner.address))) return;
    }
    around.save();
    if (!preview && !resume && which !== 'missing') {
      const changed = await asks.replaces(selected ? files : []);
      const question = which.endsWith('append') ? appendQuestion : replaceQuestion;
      if (changed && !globalThis.confirm(question(changed))) return;
    }
    this.outcome.replaceChildren();
    this.last = null;
    const about = {dataset: around.dataset(), which, prefix: this.prefix.value, files};
    this.show(await asks.start({...about, captioner, key: form.key.value, preview, resume}));
  }
  /** Whether images may be sent to this address: asked once for each host but this machine. */
  async maySend(address) {
    const {host, sentence, here} = await this.asks.host(address);
    if (here || this.agreed.has(host)) return true;
    if (!globalThis.confirm(`${sentence} Send them?`)) return false;
    this.agreed.add(host);
    return true;
  }
  async cancel() {
    await this.asks.cancel();
    this.stop.disabled = true;
    this.words.textContent = 'Stopping after this batch…';
  }
  async undo() {
    this.around.save();
    const answer = await this.asks.undo();
    notice(undoneParts(answer), 'good');
    this.outcome.replaceChildren();
    await this.around.refresh();
  }

  show(task) {
    const works = task?.state === 'running';
    const here = works && task.about.dataset === this.around.dataset();
    this.progress.classList.toggle('cs-hidden', !here);
    for (const button of [this.run, this.try, this.goOn]) button.disabled = works;
    this.goOn.classList.toggle('cs-hidden', works || !this.stopped);
    this.stop.classList.toggle('cs-hidden', !here);
    if (here) this.follow(task);
    else this.stop.disabled = false;
    if (this.last && this.last.id === task?.id && this.last.state === 'running' && !works) this.end(task);
    this.last = task;
  }
  follow(task) {
    this.bar.style.width = `${task.total ? (100 * task.done) / task.total : 3}%`;
    const words = task.total ? `${task.done} of ${task.total}` : 'Loading the captioner…';
    if (!this.stop.disabled) this.words.textContent = words;
    if (Date.now() - this.refreshed < REFRESH_EVERY || !task.done) return;
    this.refreshed = Date.now();
    this.around.refresh();
  }
  end(task) {
    this.around.refresh();
    const dismiss = () => this.outcome.replaceChildren();
    if (task.about.preview && task.state === 'finished') {
      this.outcome.replaceChildren(previewList(task.result));
      return;
    }
    const {kind, parts} = outcomeOf(task);
    const told = task.state === 'failed' ? message(task.error, 'error') : message(parts, kind, dismiss);
    this.outcome.replaceChildren(told);
  }

  /** What can be taken back or continued, also after a restart: the record lies in the workspace. */
  changes(entry, stopped) {
    this.stopped = stopped;
    this.goOn.textContent = continueText(stopped);
    this.goOn.classList.toggle('cs-hidden', !stopped || this.run.disabled);
    this.back.classList.toggle('cs-hidden', !entry);
    if (entry) this.backWords.textContent = changeText(entry);
  }
  /** The words in front of captions follow the trigger, unless somebody wrote others. */
  triggerChanged(before, now) {
    if (this.prefix.value === before) this.prefix.value = now;
  }
  opened(data) {
    this.outcome.replaceChildren();
    this.prefix.value = data.trigger;
    this.changes(data.undo, data.unfinished);
  }
}
