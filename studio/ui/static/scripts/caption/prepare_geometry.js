// Sizes, places and crops of an image that is being prepared. Pure. The sizes are those of
// `studio/formats/image_recipe.py` and `studio/train/buckets.py`; tests/page/prepare_cases.json holds both
// to the same numbers. A recipe is {turn, angle, flip, crop: [left, top, right, bottom] as fractions}.
import {clamp} from '../core/values.js';

export const WHOLE = [0, 0, 1, 1];
export const EMPTY = {turn: 0, angle: 0, flip: false, crop: WHOLE};
const MAX_ASPECT = 2;
const LEAST = 0.02; // of a side: the smallest crop that can be dragged

/** Rounds as Python does: halves go to the even number. */
export function rounded(value) {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 ? low + 1 : low;
}

export function turned([width, height], turn) {
  return turn === 90 || turn === 270 ? [height, width] : [width, height];
}

/** The largest part of the same shape that a rotated image fills. */
export function levelled([width, height], angle) {
  if (!angle) return [width, height];
  const by = (Math.abs(angle) * Math.PI) / 180;
  const [cos, sin] = [Math.cos(by), Math.sin(by)];
  const part = Math.min(width / (width * cos + height * sin), height / (width * sin + height * cos));
  return [Math.max(1, Math.floor(width * part)), Math.max(1, Math.floor(height * part))];
}

/** The size of an image once it is turned, before it is cropped. */
export const frameOf = (size, {turn, angle}) => levelled(turned(size, turn), angle);

function side(start, end, length) {
  const first = Math.min(Math.floor(start * length + 0.5), length - 1);
  return [first, Math.min(Math.max(Math.floor(end * length + 0.5), first + 1), length)];
}

/** A crop in whole pixels: [left, top, right, bottom]. */
export function pixelsOf(crop, [width, height]) {
  const [left, right] = side(crop[0], crop[2], width);
  const [top, bottom] = side(crop[1], crop[3], height);
  return [left, top, right, bottom];
}

/** What becomes of an image of `size`. */
export function sizeOf(size, recipe) {
  const [left, top, right, bottom] = pixelsOf(recipe.crop, frameOf(size, recipe));
  return [right - left, bottom - top];
}

/** The training size (width, height) nearest in shape, of about `resolution`² pixels. */
export function bucketFor([width, height], resolution, multiple) {
  const aspect = Math.min(MAX_ASPECT, Math.max(1 / MAX_ASPECT, width / height));
  const columns = Math.max(1, rounded((resolution * Math.sqrt(aspect)) / multiple));
  const rows = Math.max(1, rounded(resolution / Math.sqrt(aspect) / multiple));
  return [columns * multiple, rows * multiple];
}

/** How many times larger an image becomes when it covers its bucket. */
export const enlarged = (size, bucket) => Math.max(bucket[0] / size[0], bucket[1] / size[1]);

/** The share of an image that the crop to its bucket leaves out. */
export function lost(size, bucket) {
  const scale = enlarged(size, bucket);
  const covering = [0, 1].map((at) => Math.max(bucket[at], rounded(size[at] * scale)));
  return 1 - (bucket[0] * bucket[1]) / (covering[0] * covering[1]);
}

/** All that is shown of a recipe: size, bucket, share of the whole image that is lost, enlargement. */
export function outcome(size, recipe, {resolution, multiple}) {
  const crop = sizeOf(size, recipe);
  const bucket = bucketFor(crop, resolution, multiple);
  const kept = ((1 - lost(crop, bucket)) * crop[0] * crop[1]) / (size[0] * size[1]);
  return {size: crop, bucket, lost: Math.max(0, 1 - kept), enlarged: enlarged(crop, bucket)};
}

/** [a, b, c, d, e, f] as a canvas takes it: pixels of the upright image to pixels of the frame. */
export function matrixOf([width, height], recipe) {
  const by = ((recipe.turn + recipe.angle) * Math.PI) / 180;
  const mirror = recipe.flip ? -1 : 1;
  const [cos, sin] = [Math.cos(by), Math.sin(by)];
  const [a, b, c, d] = [mirror * cos, sin, -mirror * sin, cos];
  const [frameWidth, frameHeight] = frameOf([width, height], recipe);
  return [a, b, c, d, (frameWidth - a * width - c * height) / 2, (frameHeight - b * width - d * height) / 2];
}

/** Where on the upright image a place of the frame is. */
export function toImage([x, y], [a, b, c, d, e, f]) {
  const [u, v, whole] = [x - e, y - f, a * d - b * c];
  return [(d * u - c * v) / whole, (a * v - b * u) / whole];
}

/** Turned by a quarter as it is seen; `by` is 90 or -90. */
export function quarter(recipe, by) {
  const [left, top, right, bottom] = recipe.crop;
  const crop = by > 0 ? [1 - bottom, left, 1 - top, right] : [top, 1 - right, bottom, 1 - left];
  const turn = (recipe.turn + (recipe.flip ? -by : by) + 360) % 360;
  return {...recipe, turn, crop};
}

/** Left and right swapped as it is seen. */
export function mirrored(recipe) {
  const [left, top, right, bottom] = recipe.crop;
  return {...recipe, flip: !recipe.flip, crop: [1 - right, top, 1 - left, bottom]};
}

/** The small angle as it is seen, clockwise. */
export const seenAngle = ({angle, flip}) => (flip ? -angle : angle) || 0;
export const withSeenAngle = (recipe, angle) => ({...recipe, angle: (recipe.flip ? -angle : angle) || 0});

/** A crop of the shape `ratio` (width / height in pixels, null for any) inside of the one there is. */
export function shaped(crop, ratio, [width, height]) {
  if (!ratio) return crop;
  const [left, top, right, bottom] = crop;
  const wide = ((right - left) * width) / ((bottom - top) * height) > ratio;
  const across = wide ? ((bottom - top) * height * ratio) / width : right - left;
  const down = wide ? bottom - top : ((right - left) * width) / ratio / height;
  const x = (left + right - across) / 2;
  const y = (top + bottom - down) / 2;
  return [x, y, x + across, y + down];
}

/** The crop moved, and kept inside. */
export function moved([left, top, right, bottom], [x, y]) {
  const across = clamp(x, -left, 1 - right);
  const down = clamp(y, -top, 1 - bottom);
  return [left + across, top + down, right + across, bottom + down];
}

/** The crop with a side or a corner (`n`, `se` …) dragged by a share of the frame; the opposite side or
 *  corner stays. With `ratio` only corners can be dragged. */
export function dragged(crop, handle, [x, y], ratio, [width, height]) {
  let [left, top, right, bottom] = crop;
  if (handle.includes('w')) left = clamp(left + x, 0, right - LEAST);
  if (handle.includes('e')) right = clamp(right + x, left + LEAST, 1);
  if (handle.includes('n')) top = clamp(top + y, 0, bottom - LEAST);
  if (handle.includes('s')) bottom = clamp(bottom + y, top + LEAST, 1);
  if (!ratio) return [left, top, right, bottom];
  const shape = (ratio * height) / width; // in fractions
  const most = [handle.includes('w') ? right : 1 - left, handle.includes('n') ? bottom : 1 - top];
  const across = Math.min(Math.max(right - left, (bottom - top) * shape), most[0], most[1] * shape);
  if (handle.includes('w')) left = right - across;
  else right = left + across;
  if (handle.includes('n')) top = bottom - across / shape;
  else bottom = top + across / shape;
  return [left, top, right, bottom];
}

/** Larger (`by` > 0) or smaller around its centre, in its shape. */
export function grown([left, top, right, bottom], by) {
  const [across, down] = [right - left, bottom - top];
  const factor = clamp(1 + by, LEAST / Math.min(across, down), 1 / Math.max(across, down));
  const box = [across * factor, down * factor];
  const x = clamp((left + right - box[0]) / 2, 0, 1 - box[0]);
  const y = clamp((top + bottom - box[1]) / 2, 0, 1 - box[1]);
  return [x, y, x + box[0], y + box[1]];
}

/** Whether two recipes show the same. */
export const same = (one, other) =>
  one.turn === other.turn &&
  one.angle === other.angle &&
  one.flip === other.flip &&
  one.crop.every((value, at) => Math.abs(value - other.crop[at]) < 1e-9);

const percent = (share) => `${Math.round(share * 100)} %`;

/** What the crop leads to, in words. */
export function outcomeWords({size, bucket, lost: share, enlarged: times}) {
  const parts = [`${size[0]} × ${size[1]} px, trained at ${bucket[0]} × ${bucket[1]}`, `${percent(share)} lost`];
  if (times > 1.005) parts.push(`enlarged ${times.toFixed(2)} ×`);
  return parts.join(' · ');
}
