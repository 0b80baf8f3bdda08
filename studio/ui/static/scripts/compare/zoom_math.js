// One zoom for all images, as numbers: {zoom, x, y}; x and y are how far an image is moved, in sides of
// itself. Places on an image are counted from its middle, -0.5 … 0.5. Pure.
import {clamp} from '../core/values.js';

export const MOST = 16;
export const WHOLE = Object.freeze({zoom: 1, x: 0, y: 0});

/** The same with nothing beside the image in view. */
export function within({zoom, x, y}) {
  const limit = (zoom - 1) / 2;
  return {zoom, x: clamp(x, -limit, limit) + 0, y: clamp(y, -limit, limit) + 0}; // no -0
}

/** Another zoom; what is at [u, v] stays there. */
export function zoomedAt(view, zoom, [u, v] = [0, 0]) {
  const next = clamp(zoom, 1, MOST);
  const ratio = next / view.zoom;
  return within({zoom: next, x: u - (u - view.x) * ratio, y: v - (v - view.y) * ratio});
}

export const movedBy = (view, x, y) => within({...view, x: view.x + x, y: view.y + y});

/** Where in a box a pointer is. */
export const placeIn = ({left, top, width, height}, {clientX, clientY}) => [
  (clientX - left) / width - 0.5,
  (clientY - top) / height - 0.5,
];

const middle = ([a, b]) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
const distance = ([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]);

/** After two fingers went from the places `before` to the places `now`. */
export function pinched(view, before, now) {
  const ratio = distance(now) / Math.max(distance(before), 1e-3);
  const [from, to] = [middle(before), middle(now)];
  const zoomed = zoomedAt(view, view.zoom * ratio, from);
  return movedBy(zoomed, to[0] - from[0], to[1] - from[1]);
}
