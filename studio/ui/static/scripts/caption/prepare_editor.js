// The editor that prepares one image: crop, turn, mirror, mask. Owns: the dialog, what is being edited, undoing
// while it is open, saving. Refuses to know: how the image is shown (`prepare_stage.js`), how masks are painted.
import {fileUrl} from '../core/address.js';
import {attempt, call} from '../core/calls.js';
import {el, fillOptions, openDialog} from '../core/dom.js';
import {count} from '../core/format.js';
import {iconButton, labelled} from '../core/icons.js';
import {notice} from '../core/notices.js';
import {
  EMPTY,
  frameOf,
  mirrored,
  outcome,
  outcomeWords,
  quarter,
  same,
  seenAngle,
  shaped,
  WHOLE,
  withSeenAngle,
} from './prepare_geometry.js';
import {MaskLayer} from './prepare_mask.js';
import {maskPart} from './prepare_mask_part.js';
import {Stage} from './prepare_stage.js';

const MOST_UNDO = 100;
const KEYS = 'Ctrl+Z undoes, Ctrl+S saves, Escape closes without saving.';

/** `around`: server, dataset, files (all that can be prepared), selection, sizes {base(), resolution(), of()},
 *  saved(state): hears what the server says after saving. */
export class PrepareEditor {
  constructor(around, file) {
    Object.assign(this, {around, server: around.server, mode: 'crop', ratio: null, earlier: []});
    this.layer = new MaskLayer(() => this.render());
    this.stage = new Stage(
      () => ({recipe: this.recipe, ratio: this.ratio, mode: this.mode}),
      this.layer,
      (facts, how) => this.change(facts.recipe, how),
    );
    this.recipe = EMPTY;
    this.dialog = this.lay();
    this.dialog.addEventListener('keydown', (event) => this.key(event));
    openDialog(this.dialog, around.host);
    attempt(async () => {
      this.sizes = await around.sizes.of();
      this.fillShapes();
      await this.open(file);
    });
  }

  ask(more = {}) {
    const {dataset, sizes} = this.around;
    return {dataset, file: this.file, base: sizes.base(), resolution: sizes.resolution(), ...more};
  }

  async open(file) {
    const facts = await call(this.server.prepare_open(this.ask({file})));
    Object.assign(this, {file, facts, earlier: [], recipe: {...EMPTY, ...facts.recipe}, mask: facts.mask});
    Object.assign(this, {saved: this.recipe, maskSaved: facts.mask});
    this.layer.open(this.pixels, '');
    if (facts.own) await this.layer.take('own', fileUrl(facts.own));
    this.painted = false;
    this.title.textContent = file;
    await this.stage.show(fileUrl(facts.image), this.pixels);
    this.render();
    this.stage.box.focus({preventScroll: true});
  }

  get pixels() {
    return [this.facts.width, this.facts.height];
  }
  get changed() {
    return this.painted || this.mask !== this.maskSaved || !same(this.recipe, this.saved);
  }

  /** Another recipe; while it is `held` by the mouse, undoing leads to before. */
  change(recipe, {held = false} = {}) {
    if (recipe && !this.holding) this.earlier = [...this.earlier, this.recipe].slice(-MOST_UNDO);
    this.holding = held;
    if (recipe) this.recipe = recipe;
    this.render();
  }
  undo() {
    if (this.mode === 'mask') this.layer.undo();
    else if (this.earlier.length) {
      this.recipe = this.earlier.pop();
      this.render();
    }
  }
  reset() {
    this.shape.value = 'free';
    this.ratio = null;
    this.change({...EMPTY});
  }

  reshape() {
    const {value} = this.shape;
    const [width, height] = value.split(':').map(Number);
    this.ratio = value === 'free' ? null : width / height;
    if (this.ratio) this.change({...this.recipe, crop: shaped(this.recipe.crop, this.ratio, this.frame)});
    else this.render();
  }
  get frame() {
    return frameOf(this.pixels, this.recipe);
  }
  /** A turn keeps the crop's shape as far as it is locked. */
  turn(recipe) {
    this.change({...recipe, crop: shaped(recipe.crop, this.ratio, frameOf(this.pixels, recipe))});
  }

  /** A crop by rule, in the shape that is locked or that of the image's own bucket. */
  async propose(how) {
    const shape = this.shape.value === 'free' ? 'bucket' : this.shape.value;
    const {file, recipe} = this;
    const found = await call(this.server.prepare_crops(this.ask({files: [file], how, shape, recipe})));
    if (file === this.file && found[file].crop) this.change({...recipe, crop: found[file].crop});
  }

  async save() {
    const {recipe, layer} = this;
    const mask = this.painted ? (layer.any ? 'painted' : '') : this.mask;
    const also = this.also.checked ? this.others : [];
    const sent = this.ask({recipe, mask, also, strokes: layer.strokes, under: layer.under});
    const state = await call(this.server.prepare_save(sent));
    this.around.saved(state, [this.file, ...also]);
    notice(also.length ? `Saved for ${count(also.length + 1, 'image')}` : `Recipe of ${this.file} saved`, 'good');
    this.dialog.close();
  }
  async step(by) {
    if (this.changed) await this.keep();
    const {files} = this.around;
    await this.open(files[(files.indexOf(this.file) + by + files.length) % files.length]);
  }
  /** Saves and stays, on the way to another image. */
  async keep() {
    const mask = this.painted ? (this.layer.any ? 'painted' : '') : this.mask;
    const {strokes, under} = this.layer;
    const state = await call(this.server.prepare_save(this.ask({recipe: this.recipe, mask, also: [], strokes, under})));
    this.around.saved(state, [this.file]);
  }
  get others() {
    return [...this.around.selection()].filter((file) => file !== this.file && this.around.files.includes(file));
  }

  key(event) {
    if (!(event.ctrlKey || event.metaKey)) return;
    const action = {z: () => this.undo(), s: () => attempt(() => this.save(), this.saveButton)}[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  render() {
    if (!this.facts) return;
    const told = outcome(this.pixels, this.recipe, this.sizes);
    this.said.textContent = outcomeWords(told);
    this.said.classList.toggle('is-warn', told.enlarged > 1.25 || told.lost > 0.5);
    for (const button of this.modes.children)
      button.setAttribute('aria-pressed', String(button.dataset.mode === this.mode));
    this.cropPart.hidden = this.mode !== 'crop';
    this.maskPart.node.hidden = this.mode !== 'mask';
    this.angle.value = seenAngle(this.recipe);
    this.angleSaid.textContent = `${seenAngle(this.recipe).toFixed(1)}°`;
    this.undoButton.disabled = this.mode === 'mask' ? !this.layer.strokes.length : !this.earlier.length;
    const others = this.others.length;
    this.alsoLine.hidden = !others;
    this.alsoSaid.textContent = `Crop and turn also the other ${others} selected`;
    this.maskPart.render();
    this.saveButton.disabled = !this.changed && !others;
    this.stage.render();
  }

  fillShapes() {
    const {buckets, faces} = this.sizes;
    this.focusButton.title = `Where most is to be seen. ${faces}`;
    const entries = [
      ['free', 'Free'],
      ['1:1', 'Square'],
    ];
    for (const [width, height] of buckets) entries.push([`${width}:${height}`, `Bucket ${width} × ${height}`]);
    fillOptions(this.shape, entries, 'free');
  }

  lay() {
    this.title = el('h3.pi-title');
    this.said = el('p.pi-said.cs-number', {role: 'status'});
    const mode = (name, label) =>
      el('button.cs-segment', {type: 'button', 'data-mode': name, onclick: () => this.enter(name)}, label);
    const both = {role: 'group', 'aria-label': 'What is edited'};
    this.modes = el('div.cs-segments', both, mode('crop', 'Crop'), mode('mask', 'Mask'));
    this.cropPart = this.layCrop();
    this.maskPart = maskPart(this);
    this.also = el('input.cs-checkbox', {type: 'checkbox', onchange: () => this.render()});
    this.alsoSaid = el('span');
    this.alsoLine = el('label.cs-check', {}, this.also, this.alsoSaid);
    this.undoButton = labelled('undo', 'Undo', () => this.undo(), '.cs-quiet');
    this.saveButton = labelled('check', 'Save', () => attempt(() => this.save(), this.saveButton), '.cs-primary');
    const go = (by) => () => attempt(() => this.step(by));
    const many = this.around.files.length > 1;
    const head = el(
      'div.pi-head',
      {},
      this.title,
      many && iconButton('left', 'Previous image (saves)', go(-1)),
      many && iconButton('right', 'Next image (saves)', go(1)),
      iconButton('close', 'Close without saving (Esc)', () => this.dialog.close()),
    );
    const side = el(
      'div.pi-side',
      {},
      head,
      this.modes,
      this.said,
      this.cropPart,
      this.maskPart.node,
      el('span.cs-spacer'),
      this.alsoLine,
      el('div.cs-toolbar', {}, this.undoButton, el('span.cs-spacer'), this.saveButton),
      el('p.cs-small.cs-muted', {}, `The image itself is never changed. ${KEYS}`),
    );
    return el('dialog.pi', {'aria-label': 'Prepare image'}, this.stage.node, side);
  }
  layCrop() {
    this.shape = el('select.cs-input', {'aria-label': 'Shape of the crop', onchange: () => this.reshape()});
    const angle = {type: 'range', min: -45, max: 45, step: 0.5, 'aria-label': 'Straighten, degrees clockwise'};
    this.angle = el('input.cs-range', {
      ...angle,
      oninput: () => this.change(withSeenAngle(this.recipe, Number(this.angle.value)), {held: true}),
      onchange: () => this.change(null),
    });
    this.angleSaid = el('span.cs-number.cs-small');
    this.focusButton = labelled('star', 'Focus', () => attempt(() => this.propose('focus')));
    const quiet = (name, label, action) => labelled(name, label, action, '.cs-quiet');
    return el(
      'div.pi-part',
      {},
      el('label.cs-small.pi-field', {}, 'Shape', this.shape),
      el(
        'div.cs-toolbar',
        {},
        this.focusButton,
        labelled(null, 'Centre', () => attempt(() => this.propose('center'))),
        labelled(null, 'Whole', () => this.change({...this.recipe, crop: WHOLE})),
      ),
      el(
        'div.cs-toolbar',
        {},
        quiet('undo', 'Turn left', () => this.turn(quarter(this.recipe, -90))),
        quiet('refresh', 'Turn right', () => this.turn(quarter(this.recipe, 90))),
        quiet(null, 'Mirror', () => this.change(mirrored(this.recipe))),
      ),
      el('label.cs-small.pi-field', {}, 'Straighten', this.angle, this.angleSaid),
      el(
        'div.cs-toolbar',
        {},
        quiet('trash', 'Reset', () => this.reset()),
      ),
    );
  }
  enter(mode) {
    this.mode = mode;
    this.render();
  }
}
