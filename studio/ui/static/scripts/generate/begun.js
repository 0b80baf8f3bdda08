// Brings to view what a generated image was sent to: the field of the image to start from, or the brush.
// Refuses to know: what is done there.
import {tell} from '../core/channel.js';
import {fileName} from '../core/format.js';
import {pause} from '../core/timing.js';

const PATIENCE = 15_000; // milliseconds; Python opens the part of the form and reads the image
const PLACES = {false: '#cs-start-image .sp-zone', true: '#cs-mask-brush .mb-stage'};

/** Whether the field holds this image by now. */
function arrived(id) {
  let found = null;
  tell('studio:start-image?', (image) => {
    found = image;
  });
  return found !== null && fileName(found.path) === fileName(id);
}

/** Where it stands, once the image is loaded and it has its size. */
function placeOf(inpaint) {
  const node = document.querySelector(PLACES[inpaint]);
  const image = node?.querySelector('img');
  return node?.offsetHeight && image?.complete && image.naturalWidth ? node : null;
}

/** Scrolls there when the image has come and the page around it has come to rest. */
export async function showBegun(id, inpaint) {
  const end = performance.now() + PATIENCE;
  let before = '';
  while (performance.now() < end) {
    const node = arrived(id) ? placeOf(inpaint) : null;
    if (node) {
      const {top, height} = node.getBoundingClientRect();
      const now = `${Math.round(top)} ${Math.round(height)}`;
      if (now === before) {
        node.scrollIntoView({block: height < innerHeight ? 'center' : 'start'});
        return;
      }
      before = now;
    }
    await pause(150);
  }
}
