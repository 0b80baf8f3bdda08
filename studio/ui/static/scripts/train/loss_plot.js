// The loss plot: keys, smoothing, scale, and the read-out under the pointer or the arrow keys.
// Refuses to know: runs, the server.
import {el} from '../core/dom.js';
import {count, shortNumber} from '../core/format.js';
import {clamp} from '../core/values.js';
import {paint, stepAt, stepsIn} from './loss_canvas.js';
import {LossData} from './loss_data.js';
import {nearest} from './plot_math.js';

const SERIES = [
  ['raw', 'each step', '--cs-plot-1', 'Loss of every step: it jumps, because every step sees other noise'],
  ['smooth', 'smoothed', '--cs-plot-1', 'The same, averaged over recent steps'],
  [
    'train',
    'validation loss, training images',
    '--cs-plot-2',
    'The same noise and timesteps each time, on training images: this one means something',
  ],
  [
    'held_out',
    'validation loss, held-out images',
    '--cs-plot-3',
    'The same on images that are never trained on: rising means overfitting',
  ],
];
const REACH = 14; // pixels: so far from a checkpoint a click still means it
const KEYS = {ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9};

class LossPlot {
  constructor(use) {
    this.use = use; // use(step): the checkpoint of that step is wanted
    this.data = new LossData();
    this.shown = {raw: true, smooth: true, train: true, held_out: true};
    this.isLog = false;
    this.cursor = null; // the step that is read
    this.frame = 0;
    this.canvas = el('canvas', {tabindex: '0', role: 'img', 'aria-label': 'Loss over steps'});
    this.readout = el('div.cs-plot-readout.cs-small.cs-number', {'aria-live': 'off'});
    this.area = el('div.cs-plot-area', {}, this.canvas, this.readout);
    const title = el('h3.cs-card-title', {style: {margin: '0'}}, 'Loss');
    const keys = el(
      'div.cs-plot-keys',
      {},
      SERIES.map((series) => this.key(...series)),
    );
    const scale = el('div.cs-segments', {}, this.logButton());
    const bar = el('div.cs-toolbar', {}, title, keys, el('span.cs-spacer'), this.smoothing(), scale);
    this.node = el('section.cs-card.cs-plot', {'aria-label': 'Loss'}, bar, this.area);
    this.listen();
  }

  key(name, label, colour, title) {
    const onclick = (event) => {
      this.shown[name] = !this.shown[name];
      event.currentTarget.setAttribute('aria-pressed', this.shown[name]);
      this.render();
    };
    const mark = el('i', {style: {background: `var(${colour})`, opacity: name === 'raw' ? '.35' : '1'}});
    return el('button.cs-plot-key', {type: 'button', 'aria-pressed': true, title, onclick}, mark, label);
  }
  smoothing() {
    const limits = {type: 'range', min: 0, max: 99, value: 92};
    const input = el('input.cs-range', {...limits, 'aria-label': 'Smoothing', title: 'Smoothing'});
    input.addEventListener('input', () => {
      this.data.smoothBy(Number(input.value) / 100);
      this.render();
    });
    return input;
  }
  logButton() {
    const attributes = {type: 'button', 'aria-pressed': false, title: 'Logarithmic scale'};
    const button = el('button.cs-segment', attributes, 'log');
    button.addEventListener('click', () => {
      this.isLog = !this.isLog;
      button.setAttribute('aria-pressed', this.isLog);
      this.render();
    });
    return button;
  }

  later() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.render();
    });
  }
  render() {
    const {data, canvas} = this;
    const {clientWidth: width, clientHeight: height} = this.area;
    if (!width || !height) return;
    const ratio = globalThis.devicePixelRatio || 1;
    this.resize(width, height, ratio);
    const index = this.cursor === null ? -1 : nearest(data.steps, this.cursor);
    const at = paint(canvas, data, {index, shown: this.shown, isLog: this.isLog, width, height, ratio});
    this.tell(index, at, width);
    const {step, loss} = data.last();
    const words = `Loss over ${count(step, 'step')}; smoothed ${shortNumber(loss)} now. Arrow keys read single steps.`;
    canvas.setAttribute('aria-label', data.length ? words : 'Loss: no steps yet');
  }
  resize(width, height, ratio) {
    const {canvas} = this;
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width === across && canvas.height === down) return;
    Object.assign(canvas, {width: across, height: down});
    Object.assign(canvas.style, {width: `${width}px`, height: `${height}px`});
  }

  /** The step of the checkpoint that a click would use now. */
  meant() {
    const reach = stepsIn(REACH, this.area.clientWidth, this.data.end);
    return this.cursor === null ? undefined : this.data.keptNear(this.cursor, reach);
  }
  useMeant() {
    const step = this.meant();
    if (step !== undefined) this.use(step);
  }

  tell(index, at, width) {
    const {data, readout} = this;
    const kept = this.meant();
    readout.classList.toggle('is-shown', index >= 0);
    this.canvas.style.cursor = kept === undefined ? '' : 'pointer';
    if (index < 0) return;
    const row = (label, value) => [el('dt', {}, label), el('dd', {}, value)];
    const validation = data.validationAt(data.steps[index]);
    const rate = data.rates[index];
    const held =
      validation && typeof validation.held_out === 'number' ? ` · held out ${shortNumber(validation.held_out)}` : '';
    const rows = [
      row('loss', shortNumber(data.losses[index])),
      row('smoothed', shortNumber(data.averages[index])),
      validation ? row('validation loss', shortNumber(validation.train) + held) : [],
      typeof rate === 'number' ? row('rate', shortNumber(rate)) : [],
    ];
    const offer = kept !== undefined && el('p.cs-plot-use', {}, `Click or Enter: use checkpoint ${kept} in Generate`);
    readout.replaceChildren(el('b', {}, `step ${data.steps[index]}`), el('dl', {}, rows), ...(offer ? [offer] : []));
    const flip = at > 50 + (width - 62) * 0.6;
    readout.style.left = flip ? '' : `${at + 12}px`;
    readout.style.right = flip ? `${width - at + 12}px` : '';
  }

  listen() {
    const {canvas, data, area} = this;
    canvas.addEventListener('pointermove', (event) => {
      this.cursor = stepAt(event.offsetX, area.clientWidth, data.end);
      this.later();
    });
    canvas.addEventListener('click', (event) => {
      this.cursor = stepAt(event.offsetX, area.clientWidth, data.end);
      this.useMeant();
    });
    for (const name of ['pointerleave', 'blur']) {
      canvas.addEventListener(name, () => {
        this.cursor = null;
        this.later();
      });
    }
    canvas.addEventListener('keydown', (event) => {
      const by = KEYS[event.key];
      if (event.key === 'Enter') this.useMeant();
      if (!by || !data.length) return;
      event.preventDefault();
      const last = data.length - 1;
      const at = this.cursor === null ? last : nearest(data.steps, this.cursor) + by * (event.shiftKey ? 10 : 1);
      this.cursor = data.steps[clamp(at, 0, last)];
      this.later();
    });
    new ResizeObserver(() => this.later()).observe(area);
    globalThis.addEventListener('cs:theme', () => setTimeout(() => this.render(), 30));
  }
}

/** The plot of one run: {node, add, validation, mark, keep, clear, last}, as `LossData` has them;
 *  `use(step)` is called where a checkpoint was chosen. */
export function lossPlot(use) {
  const plot = new LossPlot(use);
  const then = (name) => (given) => {
    plot.data[name](given);
    plot.later();
  };
  const clear = () => {
    plot.cursor = null;
    plot.data.clear();
    plot.later();
  };
  return {
    node: plot.node,
    add: then('add'),
    validation: then('validation'),
    mark: then('mark'),
    keep: then('keep'),
    clear,
    last: () => plot.data.last(),
  };
}
