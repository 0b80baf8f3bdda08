// A mask that comes as a file: dropped on the image or chosen, and shown in the brush's colour.
import {bringsFiles, el} from './dom.js';
import {tinted} from './mask_strokes.js';

const RGB = [0xff, 0x3b, 0x6b];
const LABEL = 'Mask file: white is inpainted';

/** A mask as a canvas: coloured where it is white. */
export async function tintedImage(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = el('canvas', {width: image.naturalWidth, height: image.naturalHeight});
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  tinted(pixels.data, RGB);
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/** A file that is dropped on the image is a mask; the stack, which takes files from everywhere else on the
 *  tab, lets it be. */
export function dropsOf(stage, take) {
  for (const name of ['dragover', 'dragleave', 'drop']) {
    stage.addEventListener(name, (event) => {
      if (!bringsFiles(event)) return;
      event.preventDefault();
      stage.classList.toggle('is-over', name === 'dragover');
      const [file] = name === 'drop' ? event.dataTransfer.files : [];
      if (file) take(file);
    });
  }
}

/** A field for a file that a button opens. */
export function maskPicker(take) {
  const picker = el('input.cs-hidden', {type: 'file', accept: 'image/*', tabindex: '-1', 'aria-label': LABEL});
  picker.addEventListener('change', () => {
    const [file] = picker.files;
    picker.value = '';
    if (file) take(file);
  });
  return picker;
}
