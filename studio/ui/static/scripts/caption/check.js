// The card that says what is wrong with a dataset as a training set. Owns: starting, progress, findings
// that show their images. Refuses to know: how images are shown; Python makes the checks.
import {attempt, call} from '../core/calls.js';
import {el, fillOptions} from '../core/dom.js';
import {count} from '../core/format.js';
import {message} from '../core/notices.js';
import {poll} from '../core/timing.js';
import {aboutText, bucketCells, placesOf, progressWords, scoreText, stateOf, withoutReport} from './check_rules.js';
import {button} from './panels.js';

const CLIP = 'Compare captions with images (slower)';
const CHANGED = 'Something has changed since: check again.';
const NOTHING = 'Near-duplicates, blur, damaged files, captions: what would spoil a training.';

const small = (...children) => el('p.cs-small.cs-muted', {style: {margin: '0'}}, children);

/** `around`: dataset(), save() what waits, showOnly(files, title): null shows all again. */
export class CheckCard {
  constructor(server, around) {
    Object.assign(this, {server, around});
    this.running = false;
    this.shown = null; // id of the task whose report is shown
    this.base = el('select.cs-input', {'aria-label': 'Base model to check for'});
    this.clip = el('input.cs-checkbox', {type: 'checkbox', checked: true});
    this.run = el('button.cs-button', {type: 'button', onclick: () => attempt(() => this.start(), this.run)}, 'Check');
    const cancel = {type: 'button', onclick: () => attempt(() => this.cancel())};
    this.stop = el('button.cs-button.cs-hidden', cancel, 'Cancel');
    this.bar = el('i');
    this.words = el('span.cs-small.cs-muted.cs-number');
    const progress = el('div.cs-progress', {role: 'progressbar', 'aria-label': 'Checking'}, this.bar);
    this.progress = el('div.cs-stack.cs-hidden', {style: {gap: '6px'}}, progress, this.words);
    this.report = el('div.cs-stack.cs-report', {'aria-live': 'polite', style: {gap: '8px'}});
    this.node = this.lay();
    poll(this.node, () => this.running && this.look(), 500);
  }

  lay() {
    return el(
      'section.cs-card.cs-stack.cs-hidden',
      {style: {gap: '10px'}, 'aria-label': 'Ready to train?'},
      el('h3.cs-card-title', {style: {margin: '0'}}, 'Ready to train?'),
      el('div.cs-path', {}, this.base, this.run, this.stop),
      el('label.cs-check', {}, this.clip, el('span', {}, CLIP)),
      this.progress,
      this.report,
    );
  }

  async start() {
    this.around.save();
    const argument = {dataset: this.around.dataset(), base: this.base.value, clip: this.clip.checked};
    this.around.showOnly(null);
    this.show(await call(this.server.check_dataset(argument)));
  }
  async cancel() {
    await call(this.server.cancel_check(null));
    this.stop.disabled = true;
    this.words.textContent = 'Stopping…';
  }
  async look() {
    this.show(await call(this.server.check_task(null)));
  }

  /** Another dataset is open: its last report, if the latest check was about it. */
  opened() {
    this.shown = null;
    this.node.classList.remove('cs-hidden');
    this.report.replaceChildren(small(NOTHING));
    return attempt(async () => {
      if (!this.base.options.length) fillOptions(this.base, await call(this.server.check_bases(null)));
      await this.look();
    });
  }
  /** An image or a caption is not what the report is about any more. */
  outdated() {
    if (!this.shown || this.report.querySelector('.is-outdated')) return;
    this.report.prepend(el('p.cs-small.is-outdated', {style: {margin: '0'}}, CHANGED));
  }

  show(task) {
    const works = task?.state === 'running';
    const here = Boolean(task) && task.about.dataset === this.around.dataset();
    this.running = works;
    this.run.disabled = works;
    this.run.classList.toggle('cs-hidden', works && here);
    this.stop.classList.toggle('cs-hidden', !works || !here);
    this.progress.classList.toggle('cs-hidden', !works || !here);
    if (!here) return;
    if (works) this.follow(task);
    else if (this.shown !== task.id) this.end(task);
  }
  follow(task) {
    this.shown = null;
    this.bar.style.width = `${task.total ? (100 * task.done) / task.total : 3}%`;
    if (!this.stop.disabled) this.words.textContent = progressWords(task);
  }
  end(task) {
    this.stop.disabled = false;
    this.shown = task.id;
    if (task.state === 'failed') this.report.replaceChildren(message(task.error, 'error'));
    else if (task.result) this.report.replaceChildren(...this.parts(task.result));
    else this.report.replaceChildren(small(withoutReport(task)));
  }

  parts(report) {
    const {verdict, base, findings, skipped} = report;
    return [
      el('b.cs-badge.cs-verdict', {'data-state': stateOf(report), title: `Checked for ${base.name}`}, verdict),
      ...findings.map((finding) => this.finding(finding)),
      ...Object.entries(skipped).map(([what, why]) => small(`Not looked at: ${what.toLowerCase()}. ${why}`)),
      this.fits(report),
      this.buckets(report),
    ].filter(Boolean);
  }
  finding(finding) {
    const {title, severity, says, files, looks_at: looksAt} = finding;
    const label = {type: 'button', 'aria-expanded': false, title: `Looked at: ${looksAt}`, 'data-severity': severity};
    const head = el(
      'button.cs-finding',
      {...label, onclick: () => this.toggle(node, files, title)},
      el('span.cs-finding-title', {}, title),
      el('span.cs-small.cs-muted', {}, aboutText(finding)),
    );
    const places = placesOf(finding).map((place) => el('li', {}, this.place(place, title)));
    const node = el('div.cs-finding-box', {}, head, el('div.cs-finding-more', {}, small(says), el('ul', {}, places)));
    return node;
  }
  place({files, text}, title) {
    if (!files.length) return text;
    return el('button.cs-link', {type: 'button', onclick: () => this.around.showOnly(files, title)}, text);
  }
  /** Opens a finding and shows its images; a second click closes it and shows all again. */
  toggle(node, files, title) {
    const open = !node.classList.contains('is-open');
    for (const other of this.report.querySelectorAll('.cs-finding-box')) {
      other.classList.toggle('is-open', open && other === node);
      other.querySelector('.cs-finding').setAttribute('aria-expanded', String(open && other === node));
    }
    this.around.showOnly(open && files.length ? files : null, title);
  }
  fits({fits}) {
    if (!fits.length) return null;
    const row = ({file, fit, better}) => {
      const title = better ? `Nearer is “${better}”` : null;
      const name = el(
        'button.cs-link',
        {type: 'button', title, onclick: () => this.around.showOnly([file], file)},
        file,
      );
      return el('tr', {}, el('td', {}, name), el('td.cs-number', {}, scoreText(fit)));
    };
    const why = small('By the base’s CLIP, lowest first. Near 0, any other caption would fit as well.');
    return fold('Captions that fit least', why, el('table.cs-report-table', {}, fits.map(row)));
  }
  buckets({buckets, base}) {
    if (!buckets.length) return null;
    const cells = (kind, texts) =>
      el(
        'tr',
        {},
        texts.map((text) => el(`${kind}.cs-number`, {}, text)),
      );
    const head = cells('th', ['size', 'images', 'cropped away']);
    const rows = bucketCells(buckets).map((texts) => cells('td', texts));
    return fold(`Buckets of ${base.name} at ${base.resolution} px`, el('table.cs-report-table', {}, head, rows));
  }
}

const fold = (title, ...inner) =>
  el('details.cs-fold.cs-report-fold', {}, el('summary', {}, title), el('div.cs-stack', {style: {gap: '6px'}}, inner));

/** That only some images are shown, and why; `all` shows the others again. */
export function onlyPanel(number, title, all) {
  const words = el('span', {}, el('b', {}, title), ` · ${count(number, 'image')} shown`);
  return el('div.cs-only', {role: 'status'}, words, button('Show all', all, {kind: '.cs-quiet'}));
}
