// One zoom for all images of a comparison: keys, wheel and dragging, kept in CSS variables.
import {clamp} from '../core/values.js';

const MOST = 16;
const MOVE = 0.06; // of the side of an image, for an arrow key
const TURN = 1.2;
const STEP = 1.5;

/** `root()` is what gets the variables, `changed(zoom)` hears of every other zoom. */
export class Zoom {
  constructor(root, changed) {
    Object.assign(this, {root, changed, zoom: 1, x: 0, y: 0});
  }

  reset() {
    Object.assign(this, {zoom: 1, x: 0, y: 0});
  }
  place() {
    const limit = (this.zoom - 1) / 2;
    this.x = clamp(this.x, -limit, limit);
    this.y = clamp(this.y, -limit, limit);
    const root = this.root();
    for (const name of ['zoom', 'x', 'y']) root.style.setProperty(`--${name}`, this[name]);
    root.classList.toggle('is-zoomed', this.zoom > 1);
    this.changed(this.zoom);
  }
  scale(zoom) {
    this.zoom = clamp(zoom, 1, MOST);
    this.place();
  }
  moveBy(x, y) {
    this.x += x;
    this.y += y;
    this.place();
  }

  /** Keys, wheel and pointer over `host` act on all images. */
  listen(host) {
    host.addEventListener('keydown', (event) => this.key(event));
    const wheel = (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.scale(this.zoom * (event.deltaY < 0 ? TURN : 1 / TURN));
    };
    host.addEventListener('wheel', wheel, {passive: false});
    host.addEventListener('pointerdown', (event) => this.drag(event));
  }

  key(event) {
    if (event.target.matches('input, select')) return;
    const step = MOVE * this.zoom;
    const zooms = {'+': this.zoom * STEP, '=': this.zoom * STEP, '-': this.zoom / STEP, 0: 1};
    const moves = {ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step]};
    if (event.key in zooms) this.scale(zooms[event.key]);
    else if (this.zoom > 1 && event.key in moves) this.moveBy(...moves[event.key]);
    else return;
    event.preventDefault();
  }

  drag(event) {
    const image = event.target.closest('.cm-cell, .ab-stage');
    if (this.zoom === 1 || !image || event.target.matches('input')) return;
    event.preventDefault();
    const side = image.getBoundingClientRect();
    const from = {left: event.clientX, top: event.clientY, x: this.x, y: this.y};
    const move = (moved) => {
      this.x = from.x + (moved.clientX - from.left) / side.width;
      this.y = from.y + (moved.clientY - from.top) / side.height;
      this.place();
    };
    const drop = () => {
      globalThis.removeEventListener('pointermove', move);
      globalThis.removeEventListener('pointerup', drop);
    };
    globalThis.addEventListener('pointermove', move);
    globalThis.addEventListener('pointerup', drop);
  }
}
