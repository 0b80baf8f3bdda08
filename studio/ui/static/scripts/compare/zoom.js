// One zoom for all images below an element: keys, wheel, pinching, dragging and a double click, kept in CSS
// variables, so that no image is touched. Refuses to know: which images there are.
import {MOST, movedBy, pinched, placeIn, WHOLE, zoomedAt} from './zoom_math.js';

const MOVE = 0.06; // of the side of an image, for an arrow key
const TURN = 1.2;
const STEP = 1.5;
const MOVES = {ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};

/** `frames` selects what an image fills; `changed(view)` hears of every other view. */
export class Zoom {
  constructor(root, frames, changed = () => {}) {
    Object.assign(this, {root, frames, changed, view: WHOLE});
  }

  get zoomed() {
    return this.view.zoom > 1;
  }
  set(view) {
    this.view = view;
    for (const name of ['zoom', 'x', 'y']) this.root.style.setProperty(`--${name}`, view[name]);
    this.root.classList.toggle('is-zoomed', this.zoomed);
    this.changed(view);
  }
  reset() {
    this.set(WHOLE);
  }
  scale(zoom, at) {
    this.set(zoomedAt(this.view, zoom, at));
  }
  /** The frame that a pointer is over, as a box; null beside all. */
  box(target) {
    return target.closest?.(this.frames)?.getBoundingClientRect() || null;
  }

  /** Listens on `host`. With `freely` the wheel zooms by itself, else with Ctrl, and Shift moves. */
  listen(host, {freely = false} = {}) {
    const wheel = (event) => {
      const box = this.box(event.target);
      if (!box || !(freely || event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.scale(this.view.zoom * (event.deltaY < 0 ? TURN : 1 / TURN), placeIn(box, event));
    };
    host.addEventListener('wheel', wheel, {passive: false});
    host.addEventListener('pointerdown', (event) => this.drag(event));
    host.addEventListener('dblclick', (event) => {
      if (this.zoomed && this.box(event.target)) this.reset();
    });
    host.addEventListener('touchstart', (event) => this.touch(event, host), {passive: true});
  }

  /** Whether a key was one of the zoom's. */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.('input, select, textarea'))
      return false;
    const {zoom} = this.view;
    const zooms = {'+': zoom * STEP, '=': zoom * STEP, '-': zoom / STEP, 0: 1};
    if (event.key in zooms) this.scale(zooms[event.key]);
    else if (this.zoomed && event.shiftKey && event.key in MOVES) {
      const [x, y] = MOVES[event.key];
      this.set(movedBy(this.view, x * MOVE * zoom, y * MOVE * zoom));
    } else return false;
    event.preventDefault();
    return true;
  }

  drag(event) {
    const box = this.zoomed && event.pointerType !== 'touch' && event.button === 0 ? this.box(event.target) : null;
    if (!box || event.target.matches('input')) return;
    event.preventDefault();
    const {view} = this;
    const from = placeIn(box, event);
    const move = (moved) => {
      const to = placeIn(box, moved);
      this.set(movedBy(view, to[0] - from[0], to[1] - from[1]));
    };
    const drop = () => {
      globalThis.removeEventListener('pointermove', move);
      globalThis.removeEventListener('pointerup', drop);
    };
    globalThis.addEventListener('pointermove', move);
    globalThis.addEventListener('pointerup', drop);
  }

  /** Two fingers zoom; one moves what is zoomed. */
  touch(event, host) {
    const box = this.box(event.target);
    const count = event.touches.length;
    if (!box || count > 2 || (count === 1 && !this.zoomed)) return;
    const places = (now) => [...now.touches].map((finger) => placeIn(box, finger));
    const {view} = this;
    const before = places(event);
    const move = (moved) => {
      if (moved.touches.length !== count) return end();
      moved.preventDefault();
      const now = places(moved);
      if (count === 2) this.set(pinched(view, before, now));
      else this.set(movedBy(view, now[0][0] - before[0][0], now[0][1] - before[0][1]));
    };
    const end = () => {
      host.removeEventListener('touchmove', move);
      for (const name of ['touchend', 'touchcancel', 'touchstart']) host.removeEventListener(name, end);
    };
    host.addEventListener('touchmove', move, {passive: false});
    for (const name of ['touchend', 'touchcancel', 'touchstart']) host.addEventListener(name, end, {passive: true});
  }
}

export {MOST};
