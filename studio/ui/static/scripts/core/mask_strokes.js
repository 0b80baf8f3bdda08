// Strokes of a mask: a list that only grows or is cut, and how one is painted. Pure but for `paint`.
// A stroke is {size, erase, points: [[x, y], …]} in pixels of the image, or {invert: true}.

export const LEAST = 1;

/** The size of the brush on an image that nobody has painted on yet. */
export const usualSize = ({width, height}) => Math.max(LEAST, Math.round(Math.min(width, height) / 8));

export const mostSize = ({width, height}) => Math.max(LEAST, Math.round(Math.min(width, height) / 2));

/** A size `by` steps larger or smaller, each about a sixth. */
export function steppedSize(size, by, image) {
  const step = Math.max(1, Math.round(size / 6));
  return Math.min(Math.max(size + by * step, LEAST), mostSize(image));
}

/** Where on the image something at `x`, `y` of the window is; `box` is where the image is shown. */
export function onImage({x, y}, box, image) {
  const place = (at, from, length, pixels) => Math.round(((at - from) / length) * pixels * 10) / 10;
  return [place(x, box.left, box.width, image.width), place(y, box.top, box.height, image.height)];
}

/** The strokes with a point added to the last one. */
export function extended(strokes, point) {
  const last = strokes[strokes.length - 1];
  return [...strokes.slice(0, -1), {...last, points: [...last.points, point]}];
}

export const begun = (strokes, {size, erase}, point) => [...strokes, {size, erase, points: [point]}];

/** What was marked is not, and the other way round. */
export const inverted = (strokes) => [...strokes, {invert: true}];

export const undone = (strokes) => strokes.slice(0, -1);

/** What the page sends: '' while nothing is marked. `file` is a mask that was brought, or null. */
export function sentMask(image, strokes, {fresh, stack, file}) {
  if (!image || !(strokes.length || file)) return '';
  return JSON.stringify({image: image.path, fresh, stack, strokes, ...(file && {file: file.path})});
}

/** A mask that Python has set, or null for none: {image, fresh, stack, strokes, file}. */
export function readMask(value) {
  try {
    const {image, fresh, stack, strokes, file} = JSON.parse(value);
    return {image, fresh, stack: stack ?? null, strokes: strokes || [], file: file || ''};
  } catch {
    return null;
  }
}

/** Pixels [r, g, b, a, …] of a mask, in place: `rgb` where it is white, nothing where it is black. */
export function tinted(pixels, rgb) {
  for (let at = 0; at < pixels.length; at += 4) {
    const marked = pixels[at] >= 128;
    for (const [channel, value] of rgb.entries()) pixels[at + channel] = value;
    pixels[at + 3] = marked ? 255 : 0;
  }
}

/** Paints a mask that was brought, if there is one, and all strokes on it; one that erases takes away
 *  what is there. */
export function paint(context, strokes, scale, colour, under = null) {
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  if (under) context.drawImage(under, 0, 0, context.canvas.width, context.canvas.height);
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.strokeStyle = colour;
  context.fillStyle = colour;
  for (const {size, erase, points, invert} of strokes) {
    if (invert) {
      context.globalCompositeOperation = 'source-out'; // keeps the colour where nothing was
      context.fillRect(0, 0, context.canvas.width, context.canvas.height);
      continue;
    }
    context.globalCompositeOperation = erase ? 'destination-out' : 'source-over';
    context.lineWidth = size * scale;
    context.beginPath();
    const [[x, y], ...rest] = points;
    context.moveTo(x * scale, y * scale);
    if (!rest.length) context.lineTo(x * scale, y * scale); // a dot
    for (const [nextX, nextY] of rest) context.lineTo(nextX * scale, nextY * scale);
    context.stroke();
  }
  context.globalCompositeOperation = 'source-over';
}
