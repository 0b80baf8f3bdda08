// The stage of the closer view: two images over each other or beside each other. Owns: the line of the
// slider, which face is up, the canvas of the difference. Refuses to know: which images these are.
import {el, sharpen} from '../core/dom.js';
import {clamp} from '../core/values.js';
import {imageView} from './cells.js';
import {differenceInto} from './difference.js';

const GRAB = 28; // pixels beside the line where it is still grabbed
const MOST_SIDE = 2048; // pixels of a difference

const tag = (side, text) => el(`span.cl-tag.is-${side}`, {}, text);

/** Drags the line of the slider; over a zoomed image only near the line, elsewhere the image moves. */
function dragLine(frame, zoom, moved) {
  frame.addEventListener('pointerdown', (event) => {
    const box = frame.getBoundingClientRect();
    const line = box.left + (box.width * Number(frame.style.getPropertyValue('--split'))) / 100;
    if (event.button !== 0 || (zoom.zoomed && Math.abs(event.clientX - line) > GRAB)) return;
    event.preventDefault();
    event.stopPropagation();
    frame.setPointerCapture(event.pointerId);
    const move = (now) => moved(clamp(((now.clientX - box.left) / box.width) * 100, 0, 100));
    const drop = () => frame.removeEventListener('pointermove', move);
    move(event);
    frame.addEventListener('pointermove', move);
    for (const name of ['pointerup', 'pointercancel']) frame.addEventListener(name, drop, {once: true});
  });
}

export function sliderStage({a, b}, {split, zoom, moved}) {
  const over = el('div.cl-over', {}, imageView(b.src, b.name));
  const frame = el('div.cl-frame', {style: {'--split': split}}, imageView(a.src, a.name), over, el('i.cl-line'));
  frame.append(tag('left', a.name), tag('right', b.name));
  dragLine(frame, zoom, moved);
  return frame;
}

export function flickerStage({a, b}, face) {
  const frame = el('div.cl-frame.is-flicker', {'data-face': face}, imageView(a.src, a.name, '.cl-a'));
  frame.append(imageView(b.src, b.name, '.cl-b'), el('span.cl-tag.is-left.cl-a', {}, a.name));
  frame.append(el('span.cl-tag.is-left.cl-b', {}, b.name));
  return frame;
}

export const oneStage = ({b}) => el('div.cl-frame', {}, imageView(b.src, b.name), tag('left', b.name));

export const besideStages = (sides) => [sides.a, sides.b].map((one) => oneStage({b: one}));

async function loaded(src) {
  const image = new Image();
  image.src = src;
  await image.decode();
  return image;
}

function pixels(image, width, height) {
  const canvas = Object.assign(document.createElement('canvas'), {width, height});
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** The difference of two images: {node, paint(gain)}; `told(words)` hears how large it is. */
export function differenceStage({a, b}, gain, told) {
  const canvas = el('canvas.cm-image.cl-canvas', {role: 'img', 'aria-label': `Difference of ${a.name} and ${b.name}`});
  const node = el('div.cl-frame', {}, canvas, tag('left', `${a.name} − ${b.name}`));
  let data = null;
  function paint(by) {
    if (!data) return;
    const mean = differenceInto(data.out.data, data.a.data, data.b.data, by);
    canvas.getContext('2d').putImageData(data.out, 0, 0);
    if (node.isConnected) told(`They differ by ${mean.toFixed(1)} of 255 on average.${data.scaled}`);
  }
  async function begin() {
    const [left, right] = await Promise.all([loaded(a.src), loaded(b.src)]);
    const by = Math.min(1, MOST_SIDE / Math.max(left.naturalWidth, left.naturalHeight));
    const [width, height] = [left.naturalWidth, left.naturalHeight].map((side) => Math.max(1, Math.round(side * by)));
    Object.assign(canvas, {width, height});
    sharpen({naturalWidth: width, classList: canvas.classList});
    const same = left.naturalWidth === right.naturalWidth && left.naturalHeight === right.naturalHeight;
    data = {a: pixels(left, width, height), b: pixels(right, width, height), out: new ImageData(width, height)};
    data.scaled = same ? '' : ' The right image was scaled to the size of the left one.';
    paint(gain());
  }
  begin().catch(() => node.isConnected && told('One of the images is not there.'));
  return {node, paint};
}
