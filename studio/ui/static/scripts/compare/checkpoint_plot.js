// One measure of a choice among checkpoints over steps: a line per strength, its 95 % interval, the limit.
// Owns: the plot, and reading it by pointer and keyboard. Refuses to know: where the numbers come from.
import {el, svg} from '../core/dom.js';
import {clamp} from '../core/values.js';
import {linesOf, scalesOf, stepText, stepTicks, tickText} from './checkpoint_rules.js';

const BOX = {width: 410, height: 200, left: 46, right: 12, top: 10, bottom: 24};
const COLOURS = ['--cs-plot-1', '--cs-plot-2', '--cs-plot-3', '--cs-plot-4'];
const DASHES = ['', '6 3', '2 3', '9 3 2 3'];
const GRID = 3; // lines between the ends

/** How the line number `at` looks, wherever it is shown. */
export const lineStyle = (at) => ({
  colour: `var(${COLOURS[at % COLOURS.length]})`,
  dash: DASHES[Math.floor(at / COLOURS.length) % DASHES.length] || DASHES[at % DASHES.length],
});

function axes(scales, lines) {
  const {x, y, from, to, steps} = scales;
  const shapes = [];
  for (let k = 0; k <= GRID; k += 1) {
    const value = from + ((to - from) * k) / GRID;
    shapes.push(
      svg('line', {x1: BOX.left, x2: BOX.width - BOX.right, y1: y(value), y2: y(value), class: 'grid'}),
      svg('text', {x: BOX.left - 6, y: y(value) + 4, 'text-anchor': 'end'}, tickText(value)),
    );
  }
  for (const step of stepTicks(steps)) {
    shapes.push(svg('text', {x: x(step), y: BOX.height - 6, 'text-anchor': 'middle'}, String(step)));
  }
  return lines.length ? shapes : [];
}

function lineShapes(line, at, {x, y}) {
  const {colour, dash} = lineStyle(at);
  const whole = line.points.filter((point) => typeof point.low === 'number' && typeof point.high === 'number');
  const up = whole.map((point) => `${x(point.step)},${y(point.high)}`);
  const down = whole.map((point) => `${x(point.step)},${y(point.low)}`).reverse();
  const path = line.points.map((point) => `${x(point.step)},${y(point.value)}`).join(' ');
  return [
    whole.length > 1 && svg('polygon', {points: [...up, ...down].join(' '), class: 'band', style: `fill: ${colour}`}),
    svg('polyline', {points: path, class: 'line', 'stroke-dasharray': dash, style: `stroke: ${colour}`}),
    ...line.points.map((point) =>
      svg('circle', {
        cx: x(point.step),
        cy: y(point.value),
        r: 3.4,
        class: point.out ? 'dot is-out' : 'dot',
        style: `stroke: ${colour}; fill: ${point.out ? 'var(--cs-card)' : colour}`,
      }),
    ),
  ].filter(Boolean);
}

function limitShapes(limit, text, {y}) {
  if (typeof limit !== 'number') return [];
  const at = y(limit);
  return [
    svg('line', {x1: BOX.left, x2: BOX.width - BOX.right, y1: at, y2: at, class: 'limit'}),
    svg('text', {x: BOX.width - BOX.right, y: at - 4, 'text-anchor': 'end', class: 'limit-text'}, text),
  ];
}

/** {node} of one measure; nothing is plotted where nothing is known. */
export function checkpointPlot(selection, measure) {
  const lines = linesOf(selection, measure.key).filter((line) => line.points.length);
  const limit = selection.limits?.[measure.key];
  const scales = scalesOf(lines, [limit], BOX);
  const title = el('h4.ck-plot-title', {}, measure.title, el('span.cs-small.cs-muted', {}, measure.says));
  if (!scales) {
    const text = selection.complete ? 'This could not be measured here.' : 'Nothing has been measured yet.';
    return el('figure.ck-plot', {}, title, el('p.cs-muted.cs-small', {}, text));
  }
  const mark = svg('line', {y1: BOX.top, y2: BOX.height - BOX.bottom, class: 'mark', visibility: 'hidden'});
  const chosen = selection.recommended && scales.steps.includes(selection.recommended.step);
  const place = chosen ? scales.x(selection.recommended.step) : 0;
  const shapes = [
    ...axes(scales, lines),
    ...(chosen ? [svg('line', {x1: place, x2: place, y1: BOX.top, y2: BOX.height - BOX.bottom, class: 'chosen'})] : []),
    ...limitShapes(limit, measure.limit, scales),
    ...lines.flatMap((line, at) => lineShapes(line, at, scales)),
    mark,
  ];
  const plot = svg(
    'svg',
    {viewBox: `0 0 ${BOX.width} ${BOX.height}`, class: 'ck-svg', 'aria-hidden': 'true'},
    ...shapes,
  );
  const readout = el(
    'output.cs-small.cs-number.ck-readout',
    {'aria-live': 'polite'},
    'Point at a step, or use ← and →.',
  );
  const frame = el(
    'div.ck-frame',
    {tabindex: 0, role: 'group', 'aria-label': `${measure.title} over steps; ← and → read the values`},
    plot,
  );
  reads(frame, plot, mark, readout, scales, lines);
  return el('figure.ck-plot', {}, title, frame, readout);
}

/** Pointer and arrow keys choose a step; what it says is read out. */
function reads(frame, plot, mark, readout, scales, lines) {
  let at = -1;
  const show = (index) => {
    at = clamp(index, 0, scales.steps.length - 1);
    const step = scales.steps[at];
    for (const end of ['x1', 'x2']) mark.setAttribute(end, scales.x(step));
    mark.setAttribute('visibility', 'visible');
    readout.textContent = stepText(lines, step);
  };
  frame.addEventListener('pointermove', (event) => {
    const {left, width} = plot.getBoundingClientRect();
    const place = ((event.clientX - left) / width) * BOX.width;
    const distance = scales.steps.map((step) => Math.abs(scales.x(step) - place));
    show(distance.indexOf(Math.min(...distance)));
  });
  frame.addEventListener('keydown', (event) => {
    const by = {ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity}[event.key];
    if (by === undefined) return;
    event.preventDefault();
    show(Number.isFinite(by) ? at + by : by < 0 ? 0 : scales.steps.length - 1);
  });
}

/** The key of the lines: one entry per strength, and what hollow points and lines mean. */
export function plotKey(selection) {
  const lines = linesOf(selection, 'likeness');
  const entry = (line, at) => {
    const {colour, dash} = lineStyle(at);
    const dashes = svg('line', {x1: 0, x2: 26, y1: 5, y2: 5, 'stroke-width': 2.4, 'stroke-dasharray': dash});
    dashes.style.stroke = colour;
    return el('li', {}, svg('svg', {width: 26, height: 10, 'aria-hidden': 'true'}, dashes), line.name);
  };
  return el('ul.ck-key.cs-small', {}, lines.map(entry), el('li.cs-muted', {}, 'hollow: out of the race'));
}
