// The image that is being prepared, with its crop and its mask. Owns: canvas, pointer, keyboard. Refuses to
// know: what is saved, the panel beside it. The state belongs to the editor: {recipe, ratio, mode, mask}.
import {el} from '../core/dom.js';
import {dragged, frameOf, grown, matrixOf, moved, toImage, WHOLE} from './prepare_geometry.js';

const HANDLES = ['nw', 'n', 'ne', 'e', 'se', 's', 'sw', 'w'];
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
const STEP = 0.01;
const CROP_HELP =
  'Crop. Arrow keys move it, Shift with arrow keys changes its right and bottom side, + and - its size, ' +
  'Home takes the whole image.';
const MOST = 1400; // pixels of the canvas

/** `change(facts)` puts parts of the state in place; `layer` is the mask: paint(), begin(), extend(), key(). */
export class Stage {
  constructor(state, layer, change) {
    Object.assign(this, {state, layer, change});
    this.image = new Image();
    this.canvas = el('canvas.pi-canvas', {tabindex: '0'});
    this.box = el('div.pi-crop', {tabindex: '0', role: 'group', 'aria-label': CROP_HELP, title: CROP_HELP});
    for (const handle of HANDLES) this.box.append(el(`span.pi-handle.is-${handle}`, {'data-handle': handle}));
    this.canvas.setAttribute('aria-label', layer.help);
    const dark = el('span.pi-dark', {'aria-hidden': 'true'}, el('i'));
    this.shade = el('div.pi-shade', {}, this.canvas, dark, this.box);
    this.node = el('div.pi-stage', {}, this.shade);
    this.listen();
  }

  /** `url` of a copy of the upright image, which has `size` pixels itself. */
  async show(url, size) {
    this.size = size;
    this.image.src = url;
    await this.image.decode();
    this.render();
  }

  get frame() {
    return frameOf(this.size, this.state().recipe);
  }

  render() {
    if (!this.size) return;
    const {recipe, ratio, mode} = this.state();
    const [width, height] = this.frame;
    const scale = Math.min(1, MOST / Math.max(width, height));
    const {canvas} = this;
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    this.shade.style.setProperty('--pi-ratio', width / height);
    const context = canvas.getContext('2d');
    const place = matrixOf(this.size, recipe).map((value) => value * scale);
    context.setTransform(...place);
    context.imageSmoothingQuality = 'high';
    context.drawImage(this.image, 0, 0, ...this.size);
    context.globalAlpha = 0.55;
    this.layer.paint(context, this.size);
    context.globalAlpha = 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    const [left, top, right, bottom] = recipe.crop.map((value) => `${value * 100}%`);
    for (const [name, value] of Object.entries({left, top, right, bottom}))
      this.shade.style.setProperty(`--pi-${name}`, value);
    this.node.dataset.mode = mode;
    this.box.classList.toggle('is-locked', Boolean(ratio));
    this.box.tabIndex = mode === 'crop' ? 0 : -1;
    canvas.tabIndex = mode === 'mask' ? 0 : -1;
  }

  /** Where in the frame something of the window is, as fractions. */
  point({clientX, clientY}) {
    const {left, top, width, height} = this.canvas.getBoundingClientRect();
    return [(clientX - left) / width, (clientY - top) / height];
  }

  onImage(event) {
    const [x, y] = this.point(event);
    const [width, height] = this.frame;
    return toImage([x * width, y * height], matrixOf(this.size, this.state().recipe));
  }

  down(event) {
    if (event.button || !this.size) return;
    event.preventDefault();
    this.shade.setPointerCapture(event.pointerId);
    const {mode, recipe} = this.state();
    const at = this.point(event);
    if (mode === 'mask') {
      this.canvas.focus({preventScroll: true});
      this.held = {pointer: event.pointerId};
      this.layer.begin(this.onImage(event));
    } else {
      this.box.focus({preventScroll: true});
      const inside = event.target === this.box || event.target.dataset.handle;
      const handle = event.target.dataset.handle || (inside ? null : 'se');
      const crop = inside ? recipe.crop : [...at, ...at];
      this.held = {pointer: event.pointerId, at, handle, crop, fresh: !inside};
    }
    this.render();
  }

  move(event) {
    if (event.pointerId !== this.held?.pointer) return;
    const {mode, recipe, ratio} = this.state();
    if (mode === 'mask') {
      const all = event.getCoalescedEvents?.() || [];
      for (const one of all.length ? all : [event]) this.layer.extend(this.onImage(one));
      this.render();
      return;
    }
    const {at, handle, crop, fresh} = this.held;
    const by = this.point(event).map((value, axis) => value - at[axis]);
    if (fresh && Math.max(...by.map(Math.abs)) < STEP) return; // a click is no crop
    const [start, from] = fresh ? begunAt(at, by) : [crop, handle];
    const next = handle ? dragged(start, from, by, ratio, this.frame) : moved(crop, by);
    this.change({recipe: {...recipe, crop: next}}, {held: true});
  }

  up(event) {
    if (event.pointerId !== this.held?.pointer) return;
    this.held = null;
    if (this.state().mode === 'mask') this.layer.end();
    else this.change({});
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const {recipe, ratio, mode} = this.state();
    const crop = mode === 'crop' && keyed(event, recipe.crop, ratio, this.frame);
    const taken = mode === 'mask' ? this.layer.key(event, this.size) : crop;
    if (!taken) return;
    event.preventDefault();
    event.stopPropagation();
    if (crop) this.change({recipe: {...recipe, crop}});
    else this.render();
  }

  listen() {
    const {shade} = this;
    shade.addEventListener('pointerdown', (event) => this.down(event));
    shade.addEventListener('pointermove', (event) => this.move(event));
    for (const name of ['pointerup', 'pointercancel']) shade.addEventListener(name, (event) => this.up(event));
    shade.addEventListener('keydown', (event) => this.key(event));
  }
}

/** A crop of nothing at the place where dragging began, and the corner that is dragged. */
function begunAt([x, y], [across, down]) {
  return [[x, y, x, y], `${down < 0 ? 'n' : 's'}${across < 0 ? 'w' : 'e'}`];
}

/** The crop after a key, or null for one that is none of its own. */
function keyed({key, shiftKey}, crop, ratio, frame) {
  const by = ARROWS[key]?.map((value) => value * STEP);
  if (by && shiftKey) return ratio ? grown(crop, by[0] + by[1]) : dragged(crop, 'se', by, null, frame);
  if (by) return moved(crop, by);
  if (key === '+' || key === '=') return grown(crop, STEP * 2);
  if (key === '-') return grown(crop, -STEP * 2);
  return key === 'Home' ? [...(ratio ? grown(crop, 1e3) : WHOLE)] : null;
}
