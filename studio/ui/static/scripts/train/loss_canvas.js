// Painting the loss plot: axes, the range of raw losses per column of pixels, lines, points. So ten
// thousand steps cost as much as three hundred. Refuses to know: where the data come from.
import {cssColour} from '../core/theme.js';
import {bounds, columnRanges, logTicks, scales, ticks} from './plot_math.js';

const EDGE = {left: 50, right: 12, top: 8, bottom: 24};
const FONT = '11px ui-sans-serif, system-ui, sans-serif';
const MOST_POINTS = 2400; // of a line
const MOST_DOTS = 80;
const VALIDATIONS = [
  ['train', '--cs-plot-2'],
  ['held_out', '--cs-plot-3'],
];

/** The step under a horizontal place of the pointer. */
export const stepAt = (offset, width, end) => ((offset - EDGE.left) / (width - EDGE.left - EDGE.right)) * end;

/** How many steps lie in a number of pixels. */
export const stepsIn = (pixels, width, end) => (pixels / (width - EDGE.left - EDGE.right)) * end;

class Painter {
  constructor(canvas, data, {shown, isLog, width, height, ratio}) {
    const box = {
      left: EDGE.left,
      top: EDGE.top,
      width: width - EDGE.left - EDGE.right,
      height: height - EDGE.top - EDGE.bottom,
    };
    const lines = [...(shown.smooth ? data.averages : [])];
    for (const [name] of VALIDATIONS)
      if (shown[name]) lines.push(...data.validations.map((validation) => validation[name]));
    const ends = bounds(lines, shown.raw ? data.losses : [], isLog);
    Object.assign(this, {data, shown, isLog, box, ends, ...scales(box, data.end, ends, isLog)});
    this.c = canvas.getContext('2d');
    this.c.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.c.clearRect(0, 0, width, height);
    this.muted = cssColour('--cs-muted');
  }

  style(colour, width, alpha = 1) {
    Object.assign(this.c, {
      strokeStyle: colour,
      fillStyle: colour,
      lineWidth: width,
      lineJoin: 'round',
      globalAlpha: alpha,
    });
  }
  segment(from, to) {
    this.c.beginPath();
    this.c.moveTo(...from);
    this.c.lineTo(...to);
    this.c.stroke();
  }

  axes() {
    const {c, box, ends, data} = this;
    const {left, top, width, height} = box;
    const lines = Math.max(2, Math.floor(height / 48));
    const values = this.isLog ? logTicks(...ends, lines) : ticks(...ends, lines);
    this.style(cssColour('--cs-line'), 1);
    Object.assign(c, {font: FONT, fillStyle: this.muted, textAlign: 'right', textBaseline: 'middle'});
    for (const value of values) {
      const at = Math.round(this.y(value)) + 0.5;
      this.segment([left, at], [left + width, at]);
      c.fillText(String(value), left - 7, at);
    }
    Object.assign(c, {textAlign: 'center', textBaseline: 'top'});
    const steps = ticks(0, data.end, Math.max(2, Math.floor(width / 90)));
    for (const step of steps.filter(Number.isInteger)) c.fillText(String(step), this.x(step), top + height + 8);
  }

  lines() {
    const {c, box, data, shown} = this;
    const first = cssColour('--cs-plot-1');
    c.save();
    c.beginPath();
    c.rect(box.left, box.top - 4, box.width + EDGE.right, box.height + 8);
    c.clip();
    if (shown.raw) this.raw(first);
    if (shown.smooth) this.line(data.steps, data.averages, first, 2);
    for (const [name, variable] of VALIDATIONS) if (shown[name]) this.validations(name, cssColour(variable));
    this.checkpoints();
    c.restore();
  }

  raw(colour) {
    const {c, data} = this;
    this.style(colour, 1, 0.3);
    c.beginPath();
    if (data.length <= this.box.width * 1.5) {
      for (const [i, step] of data.steps.entries()) c.lineTo(this.x(step), this.y(data.losses[i]));
    } else {
      for (const [column, low, high] of columnRanges(data.steps, data.losses, this.x)) {
        c.moveTo(column + 0.5, this.y(low));
        c.lineTo(column + 0.5, this.y(high) - 0.5);
      }
    }
    c.stroke();
  }
  line(steps, values, colour, width) {
    if (!steps.length) return;
    const {c} = this;
    const stride = Math.max(1, Math.floor(steps.length / MOST_POINTS));
    this.style(colour, width);
    c.beginPath();
    for (let i = 0; i < steps.length; i += stride) c.lineTo(this.x(steps[i]), this.y(values[i]));
    c.lineTo(this.x(steps.at(-1)), this.y(values.at(-1)));
    c.stroke();
  }
  validations(name, colour) {
    const found = this.data.validationsOf(name);
    const steps = found.map((validation) => validation.step);
    const values = found.map((validation) => validation[name]);
    this.line(steps, values, colour, 1.8);
    this.style(colour, 1);
    if (found.length < MOST_DOTS) for (const [i, step] of steps.entries()) this.dot(step, values[i], 2.6);
  }
  dot(step, value, radius) {
    this.c.beginPath();
    this.c.arc(this.x(step), this.y(value), radius, 0, 7);
    this.c.fill();
  }
  checkpoints() {
    const {c, box} = this;
    const bottom = box.top + box.height;
    this.style(this.muted, 1, 0.8);
    const accent = cssColour('--cs-accent');
    for (const step of new Set([...this.data.marks, ...this.data.kept])) {
      const at = this.x(step);
      c.fillStyle = this.data.kept.includes(step) ? accent : this.muted;
      c.beginPath();
      c.moveTo(at - 4, bottom + 4);
      c.lineTo(at + 4, bottom + 4);
      c.lineTo(at, bottom - 2);
      c.fill();
    }
    c.globalAlpha = 1;
  }

  /** The line under the pointer; returns its place in pixels. */
  cursor(index) {
    const {c, box, data} = this;
    const at = this.x(data.steps[index]);
    this.style(this.muted, 1);
    c.setLineDash([3, 3]);
    this.segment([at, box.top], [at, box.top + box.height]);
    c.setLineDash([]);
    this.style(cssColour('--cs-plot-1'), 1);
    this.dot(data.steps[index], data.averages[index], 3.5);
    return at;
  }
}

/** Paints `data` (`LossData`); `index` is the step to point at, -1 for none. Returns where its line
 *  stands, in pixels, or null. */
export function paint(canvas, data, {index, ...options}) {
  const painter = new Painter(canvas, data, options);
  painter.axes();
  painter.lines();
  return index < 0 ? null : painter.cursor(index);
}
