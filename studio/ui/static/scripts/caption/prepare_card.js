// The card that prepares the images of a dataset: crops for many by rule, undoing, a prepared copy; and the
// button at each image that opens the editor. Owns: these. Refuses to know: how crops are found (Python does).
import {attempt, call} from '../core/calls.js';
import {el, fillOptions} from '../core/dom.js';
import {count} from '../core/format.js';
import {icon, labelled} from '../core/icons.js';
import {message, notice} from '../core/notices.js';
import {poll} from '../core/timing.js';
import {PrepareEditor} from './prepare_editor.js';
import {previewCrops} from './prepare_preview.js';

const AT_ONCE = 8; // proposals that are asked for together
const HOWS = [
  ['focus', 'on the subject (focus)'],
  ['center', 'at the centre'],
  ['none', 'not at all'],
];
const SHAPES = [
  ['bucket', 'of each image’s bucket'],
  ['square', 'square'],
];
const SAYS = 'Crop, turn and mask images for training. The files themselves stay as they are.';

/** `around`: dataset(), grid, opened(id): shows the datasets again. */
export class PrepareCard {
  constructor(server, around) {
    Object.assign(this, {server, around, state: {prepared: {}, undo: ''}, known: null});
    this.sizes = {
      base: () => this.base.value,
      resolution: () => Math.max(0, Math.round(Number(this.resolution.value) || 0)),
      of: () => call(server.prepare_sizes({base: this.sizes.base(), resolution: this.sizes.resolution()})),
    };
    this.node = this.lay();
    around.grid.decorators.push((cell) => this.decorate(cell));
    poll(this.node, () => this.copying && this.look(), 500);
  }

  lay() {
    const select = (label, entries = []) => {
      const node = el('select.cs-input', {'aria-label': label});
      fillOptions(node, entries);
      return node;
    };
    this.how = select('How to crop', HOWS);
    this.shape = select('Shape of the crops', SHAPES);
    this.base = select('Base model to crop for');
    this.resolution = el('input.cs-input', {
      type: 'number',
      min: 0,
      max: 2048,
      step: 64,
      placeholder: 'its own',
      'aria-label': 'Resolution in pixels; empty takes the base’s own',
    });
    const run = (action) => (event) => attempt(() => action(), event.currentTarget);
    this.previewButton = labelled(
      'image',
      'Preview crops',
      run(() => this.preview()),
    );
    this.undoButton = labelled(
      'undo',
      'Undo',
      run(() => this.undo()),
      '.cs-quiet',
    );
    this.exportButton = labelled(
      'copy',
      'Prepared copy',
      run(() => this.copy()),
    );
    this.exportButton.title = 'A new dataset with crops, turns, masks and captions applied';
    this.stop = labelled(
      'stop',
      'Cancel',
      run(() => call(this.server.prepare_cancel(null))),
      '.cs-quiet',
    );
    this.said = el('div.cs-small.cs-muted', {'aria-live': 'polite'});
    const field = (label, ...nodes) => el('label.cs-small.pi-field', {}, label, nodes);
    return el(
      'section.cs-card.cs-stack',
      {style: {gap: '10px'}, 'aria-label': 'Prepare images'},
      el('h3.cs-card-title', {style: {margin: '0'}}, 'Prepare images'),
      el('p.cs-small.cs-muted', {style: {margin: '0'}}, SAYS),
      field('Crop', this.how),
      field('Shape', this.shape),
      field('For', this.base),
      field('Resolution', this.resolution),
      el('div.cs-toolbar', {}, this.previewButton, this.undoButton),
      el('div.cs-toolbar', {}, this.exportButton, this.stop),
      this.said,
    );
  }

  /** Another dataset is open, or the same again. */
  opened(id, locked) {
    this.locked = locked;
    this.told = null;
    this.said.replaceChildren();
    return attempt(async () => {
      if (!this.base.options.length) fillOptions(this.base, await call(this.server.check_bases(null)));
      const state = await call(this.server.prepare_state({dataset: id}));
      if (id !== this.around.dataset()) return;
      this.take(state, []);
      await this.look();
    });
  }

  /** What the server says of the recipes; `files` have other thumbnails now. */
  take(state, files) {
    this.state = state;
    this.undoButton.disabled = !state.undo;
    this.undoButton.title = state.undo;
    this.around.grid.renew(files);
    for (const cell of this.around.grid.cells.values()) this.decorate(cell);
  }

  /** The button on a cell that opens the editor, and what its recipe does. */
  decorate(cell) {
    if (this.locked || cell.item.problem) return;
    const {file} = cell.item;
    const words = this.state.prepared[file] || [];
    const open = () => this.edit(file);
    const said = words.length ? `${file}: ${words.join(', ')}. Prepare` : `Prepare ${file}`;
    const label = {type: 'button', title: said, 'aria-label': said, onclick: open};
    cell.node.querySelector('.pi-open')?.remove();
    const badge = words.length ? el('span', {}, words.join(', ')) : null;
    const button = el(`button.pi-open${words.length ? '.is-prepared' : ''}`, label, icon('crop', 14), badge);
    cell.pick.after(button);
  }

  get files() {
    return this.around.grid.items.filter((item) => !item.problem).map((item) => item.file);
  }
  /** The images that are cropped together: those selected, or all. */
  get wanted() {
    const {selected} = this.around.grid;
    return selected.size ? this.files.filter((file) => selected.has(file)) : this.files;
  }

  edit(file) {
    const {server, sizes, files} = this;
    const dataset = this.around.dataset();
    const selection = () => this.around.grid.selected;
    const saved = (state, changed) => this.take(state, changed);
    this.editor = new PrepareEditor({server, dataset, files, selection, sizes, saved}, file);
  }

  async preview() {
    const dataset = this.around.dataset();
    const files = this.wanted;
    const found = {};
    const asked = {dataset, how: this.how.value, shape: this.shape.value};
    for (let at = 0; at < files.length; at += AT_ONCE) {
      this.say(`${at} of ${count(files.length, 'image')} …`);
      const some = files.slice(at, at + AT_ONCE);
      const sizes = {base: this.sizes.base(), resolution: this.sizes.resolution()};
      Object.assign(found, await call(this.server.prepare_crops({...asked, ...sizes, files: some})));
      if (dataset !== this.around.dataset()) return;
    }
    this.say('');
    const thumbnails = (some) => call(this.server.prepare_looks({dataset, files: some}));
    previewCrops(found, thumbnails, async (crops) => {
      const state = await call(this.server.prepare_apply({dataset, crops}));
      this.take(state, Object.keys(crops));
      notice(`Crops of ${count(Object.keys(crops).length, 'image')} saved`, 'good');
    });
  }

  async undo() {
    const before = Object.keys(this.state.prepared);
    const state = await call(this.server.prepare_undo({dataset: this.around.dataset()}));
    this.take(state, [...new Set([...before, ...Object.keys(state.prepared)])]);
    notice(`Taken back: ${state.undone}`, 'good');
  }

  async copy() {
    this.show(await call(this.server.prepare_export({dataset: this.around.dataset()})));
  }
  async look() {
    this.show(await call(this.server.prepare_task(null)));
  }
  show(task) {
    const here = Boolean(task) && task.about.dataset === this.around.dataset();
    this.copying = task?.state === 'running';
    this.exportButton.disabled = this.copying;
    this.stop.classList.toggle('cs-hidden', !(this.copying && here));
    if (!here || (!this.copying && this.told === task.id)) return;
    if (this.copying) this.say(task.total ? `${task.done} of ${count(task.total, 'image')} …` : 'Preparing …');
    else this.ended(task);
  }
  ended(task) {
    this.told = task.id;
    const {result} = task;
    if (task.state === 'failed') this.said.replaceChildren(message(task.error, 'error'));
    else if (!result) this.say('Stopped. Nothing was written.');
    else {
      const out = Object.entries(result.left_out).map(([name, why]) => `${name} is left out: ${why}.`);
      const open = () => attempt(() => this.around.opened(result.folder));
      const link = el('button.cs-link', {type: 'button', onclick: open}, `Open ${result.name}`);
      this.said.replaceChildren(
        `${count(result.images, 'image')}, ${count(result.masks, 'mask')}. ${out.join(' ')} `,
        link,
      );
    }
  }
  say(text) {
    this.said.textContent = text;
  }
}
