// Likeness against drift as a plot: which columns no other one outdoes, and what they took. Pure: it says where
// which shape is; `trade_off_plot.js` makes them.
import {measuredBy, measuredValue, shownDifference, written} from './measures.js';

const SIDES = {left: 56, right: 16, top: 14, bottom: 42};
const RADIUS = {least: 5, most: 13};
const LETTER = 6.6; // pixels of a letter of a label, about
const LINE = 15; // of a label
const TICKS = 4;

const ends = (column, measure) => {
  const value = measuredValue(column, measure);
  return column.intervals?.[measure.key] || [value, value];
};

/** [x, y]: the measures of the two axes, drift and likeness; prompt following where drift was left out. Null where
 *  fewer than two columns have both. */
export function axesOf(comparison, measures) {
  const row = (key) => measures.find((measure) => measure.key === key);
  const y = row('image_image');
  const both = (x) => x && y && comparison.columns.filter((one) => measuredBy([one], [x, y]).length === 2).length > 1;
  const x = [row('drift'), row('image_text')].find(both);
  return x ? [x, y] : null;
}

/** Whether another column is better in one of the two and told apart, and not worse in the other beyond doubt. */
export function dominated(comparison, place, axes) {
  return comparison.columns.some((_, other) => {
    const sides = axes.map((measure) => {
      const found = shownDifference(comparison, other, place, measure);
      return found?.told ? found.better : 0;
    });
    return sides.includes(1) && !sides.includes(-1);
  });
}

function scale(values, from, to) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = (most - least || Math.abs(most) || 1) * 0.08;
  const [low, high] = [least - room, most + room];
  return {low, high, at: (value) => from + ((value - low) / (high - low)) * (to - from)};
}

/** Round values between the ends of an axis. */
export function ticksOf(low, high) {
  const rough = (high - low) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k += 1) found.push(k * step);
  return found;
}

/** A label where it covers no other one: above its lines, right of the mark, else left, else lower and lower. */
function placed(point, taken, width) {
  const wide = Math.max(...point.lines.map((line) => line.length)) * LETTER;
  const tall = point.lines.length * LINE;
  const right = {x: point.x + point.radius + 5, anchor: 'start'};
  const left = {x: point.x - point.radius - 5, anchor: 'end'};
  const free = (box) => taken.every((one) => box.r < one.l || box.l > one.r || box.b < one.t || box.t > one.b);
  for (let down = 0; down < 8; down += 1) {
    for (const {x, anchor} of [right, left]) {
      const l = anchor === 'start' ? x : x - wide;
      const t = point.y - tall - 3 + down * LINE;
      const box = {l, r: l + wide, t, b: t + tall};
      if (l >= 0 && t >= 0 && box.r <= width && free(box)) return {x, y: t + LINE - 4, anchor, box};
    }
  }
  return {...right, y: point.y + 4, box: {l: 0, r: 0, t: 0, b: 0}};
}

function pointOf(comparison, place, axes, scales) {
  const column = comparison.columns[place];
  const sizes = comparison.columns.map((one) => one.bytes || 0);
  const largest = Math.max(...sizes);
  const share = largest ? Math.sqrt((column.bytes || 0) / largest) : 0;
  const [x, y] = axes.map((measure, k) => scales[k].at(measuredValue(column, measure)));
  const took = [
    column.bytes && written({unit: 'bytes'}, column.bytes),
    column.seconds && written({unit: 's'}, column.seconds),
  ].filter(Boolean);
  return {
    place,
    name: column.name,
    x,
    y,
    radius: RADIUS.least + share * (RADIUS.most - RADIUS.least),
    across: ends(column, axes[0]).map(scales[0].at),
    along: ends(column, axes[1]).map(scales[1].at),
    dominated: dominated(comparison, place, axes),
    lines: [column.name, took.join(' · ')].filter(Boolean),
  };
}

/** {width, height, axes, points, ticks}: places in pixels of a plot `width` wide; null where there is none. */
export function tradeOff(comparison, measures, width) {
  const axes = axesOf(comparison, measures);
  if (!axes) return null;
  const height = Math.round(Math.max(260, width * 0.56));
  const places = [...comparison.columns.keys()].filter(
    (place) => measuredBy([comparison.columns[place]], axes).length === 2,
  );
  const columns = places.map((place) => comparison.columns[place]);
  const of = (measure) => columns.flatMap((column) => ends(column, measure));
  const scales = [
    scale(of(axes[0]), SIDES.left, width - SIDES.right),
    scale(of(axes[1]), height - SIDES.bottom, SIDES.top),
  ];
  const points = places.map((place) => pointOf(comparison, place, axes, scales));
  const taken = points.map(({x, y, radius}) => ({l: x - radius, r: x + radius, t: y - radius, b: y + radius}));
  for (const point of points) {
    point.label = placed(point, taken, width);
    taken.push(point.label.box);
  }
  const ticks = scales.map(({low, high, at}, k) =>
    ticksOf(low, high).map((value) => ({at: at(value), text: written(axes[k], value)})),
  );
  return {width, height, sides: SIDES, axes, points, ticks};
}
