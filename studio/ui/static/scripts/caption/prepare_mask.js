// The mask of an image that is being prepared: a brush on the layer above it. Owns: strokes and what they
// are painted on. Refuses to know: the crop, what is saved. Strokes are those of `core/mask_strokes.js`.
import {tintedImage} from '../core/mask_file.js';
import {begun, extended, inverted, mostSize, paint, steppedSize, undone, usualSize} from '../core/mask_strokes.js';
import {clamp} from '../core/values.js';

const COLOUR = '#ff3b6b';
const LONGEST = 1024; // pixels of the layer
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

export class MaskLayer {
  constructor(changed) {
    this.changed = changed;
    this.help =
      'Mask: what is coloured is learned. Paint with the mouse or a finger. With the keyboard: arrow keys move ' +
      'the brush, Space paints, [ and ] change its size.';
    this.canvas = document.createElement('canvas');
    this.erase = false;
    this.open([1, 1], '');
  }

  /** Another image of `size`, with the mask that its recipe names. */
  open([width, height], under) {
    this.image = {width, height};
    this.strokes = [];
    this.under = under; // what Python paints on: '', own, beside, alpha
    this.sheet = null;
    this.cursor = null;
    this.size = usualSize(this.image);
    const scale = Math.min(1, LONGEST / Math.max(width, height));
    this.scale = scale;
    this.canvas.width = Math.max(1, Math.round(width * scale));
    this.canvas.height = Math.max(1, Math.round(height * scale));
  }

  /** A mask to paint on, as an image at `url`; null for none. */
  async take(under, url) {
    this.sheet = url && (await tintedImage(url));
    this.under = url ? under : '';
    this.strokes = [];
    this.changed();
  }

  /** Whether anything is marked. */
  get any() {
    return Boolean(this.strokes.length || this.sheet);
  }

  paint(context, [width, height]) {
    if (!this.any && !this.cursor) return;
    const own = this.canvas.getContext('2d');
    paint(own, this.strokes, this.scale, COLOUR, this.sheet);
    if (this.cursor) {
      own.lineWidth = 2;
      own.strokeStyle = this.erase ? '#ffffff' : COLOUR;
      own.beginPath();
      own.arc(...this.cursor.map((value) => value * this.scale), (this.size * this.scale) / 2, 0, 2 * Math.PI);
      own.stroke();
    }
    context.drawImage(this.canvas, 0, 0, width, height);
  }

  begin(point) {
    this.cursor = null;
    this.strokes = begun(this.strokes, this, point);
  }
  extend(point) {
    this.strokes = extended(this.strokes, point);
  }
  end() {
    this.changed();
  }
  undo() {
    this.strokes = undone(this.strokes);
    this.changed();
  }
  invert() {
    this.strokes = inverted(this.strokes);
    this.changed();
  }

  key({key}) {
    const {width, height} = this.image;
    const at = this.cursor || [width / 2, height / 2];
    const by = ARROWS[key];
    if (by) {
      const step = Math.max(1, Math.round(this.size / 2));
      this.cursor = [clamp(at[0] + by[0] * step, 0, width), clamp(at[1] + by[1] * step, 0, height)];
    } else if (key === ' ' || key === 'Enter') {
      this.begin(at);
      this.cursor = at;
      this.changed();
    } else if (key === '[' || key === ']') {
      this.size = steppedSize(this.size, key === ']' ? 1 : -1, this.image);
      this.changed();
    } else return false;
    return true;
  }

  get most() {
    return mostSize(this.image);
  }
}
