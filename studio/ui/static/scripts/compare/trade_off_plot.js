// Makes the plot of likeness against drift. Refuses to know: what stands where (`trade_off.js`).
import {el, svg} from '../core/dom.js';
import {tables} from '../core/tables.js';
import {tradeOff} from './trade_off.js';

const NARROW = 300;
const WIDE = 640;

const words = (text) => document.createTextNode(text);
const direction = (measure) => (measure.better === 'lower' ? 'lower is better' : 'higher is better');

function frame({width, height, sides, axes, ticks}) {
  const [x, y] = axes;
  const [right, bottom] = [width - sides.right, height - sides.bottom];
  const middle = (sides.top + bottom) / 2;
  const turned = {x: 12, y: middle, 'text-anchor': 'middle', transform: `rotate(-90 12 ${middle})`, class: 'axis'};
  const below = {x: (sides.left + right) / 2, y: height - 6, 'text-anchor': 'middle', class: 'axis'};
  return [
    ...ticks[1].flatMap(({at, text}) => [
      svg('line', {x1: sides.left, x2: right, y1: at, y2: at, class: 'grid'}),
      svg('text', {x: sides.left - 6, y: at + 4, 'text-anchor': 'end'}, words(text)),
    ]),
    ...ticks[0].flatMap(({at, text}) => [
      svg('line', {x1: at, x2: at, y1: sides.top, y2: bottom, class: 'grid'}),
      svg('text', {x: at, y: bottom + 16, 'text-anchor': 'middle'}, words(text)),
    ]),
    svg('text', turned, words(`${y.label}: ${direction(y)}`)),
    svg('text', below, words(`${x.label}: ${direction(x)}`)),
  ];
}

function mark(point) {
  const {x, y, radius, across, along, label, lines} = point;
  const name = svg('text', {x: label.x, y: label.y, 'text-anchor': label.anchor, class: 'name'});
  name.append(
    ...lines.map((line, k) => svg('tspan', {x: label.x, dy: k ? 14 : 0, class: k ? 'took' : 'who'}, words(line))),
  );
  return svg(
    'g',
    {class: point.dominated ? 'is-dominated' : ''},
    svg('line', {x1: across[0], x2: across[1], y1: y, y2: y, class: 'sure'}),
    svg('line', {x1: x, x2: x, y1: along[0], y2: along[1], class: 'sure'}),
    svg('circle', {cx: x, cy: y, r: radius}),
    name,
  );
}

/** {node}: null where fewer than two columns have both measures. */
export function tradeOffPlot(comparison, room) {
  const found = tradeOff(comparison, tables.measures, Math.max(NARROW, Math.min(WIDE, room)));
  if (!found) return null;
  const {width, height, axes, points} = found;
  const named = points.filter((one) => !one.dominated).map((one) => one.name);
  const label = `${axes[1].label} against ${axes[0].label.toLowerCase()}; not dominated: ${named.join(', ')}`;
  const attributes = {viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': label};
  const caption =
    'Lines are 95 % intervals, larger marks larger files. A hollow mark is dominated: another column is told apart ' +
    'from it as better in one of the two, and not as worse in the other.';
  return el(
    'figure.mt-trade',
    {},
    svg('svg', attributes, ...frame(found), ...points.map(mark)),
    el('figcaption.cs-small.cs-muted', {}, caption),
  );
}
