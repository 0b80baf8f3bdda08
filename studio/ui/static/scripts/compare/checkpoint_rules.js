// A choice among checkpoints as the page says it: cost, race, curves, rows of the table. Pure.
// A selection is what `studio/compare/selection_record.py` writes: {entries, base, limits, looks, generated, full,
// recommended, alike, reason, written, runs, notes, complete}.
import {count, shortNumber} from '../core/format.js';
import {clamp} from '../core/values.js';

const ENOUGH = 8;

export const MEASURES = [
  {
    key: 'likeness',
    title: 'Likeness',
    says: 'mean cosine to the reference images: higher is closer',
    limit: '',
  },
  {
    key: 'follows',
    title: 'Follows new prompts',
    says: 'cosine to its own prompt minus that to the other prompts: higher follows better',
    limit: 'below this line: too little of what the base follows',
  },
  {
    key: 'copies',
    title: 'Nearest training image',
    says: 'cosine to the nearest training image: what is above the line copies',
    limit: 'as near as held-out images are',
  },
  {
    key: 'drift',
    title: 'Drift',
    says: 'change of images without the trigger word: what is above the line changes more than another seed would',
    limit: 'as much as another seed changes',
  },
];

const OUT = {
  aside: 'set aside: others were as good so far',
  score: 'further from the reference images',
  follows: 'follows new prompts less',
  copies: 'copies training images',
  drift: 'changes other prompts',
};

const same = (a, b) => Boolean(a && b) && a.run === b.run && a.step === b.step && a.strength === b.strength;

/** “step 220 at 0.8”. */
export const candidateText = ({step, strength}) => `step ${step} at ${strength}`;

/** What a choice would cost: `plan` is {candidates, checkpoints, strengths, full, prompts, each, of_base}. */
export function costText({checkpoints, strengths, candidates, full, prompts, each, of_base}) {
  const sides = `${count(checkpoints, 'checkpoint')} × ${count(strengths, 'strength')}`;
  const grid = `${sides} = ${count(candidates, 'candidate')}`;
  const most = `${grid}, ${count(prompts, 'prompt')}: at most ${full.toLocaleString('en')} images.`;
  const own = `Each candidate has ${each} with the trigger word and ${Math.floor(each / 2)} without it, for drift`;
  return `${most} ${own}; the base has ${of_base}. A race usually needs less than half.`;
}

/** How far the race is, or what it has saved. */
export function raceText(selection) {
  const {entries, generated, full, complete} = selection;
  if (!full) return 'The first images are being generated.';
  const left = entries.filter((one) => !one.out).length;
  const share = Math.round((100 * generated) / full);
  const all = full.toLocaleString('en');
  const images = `${generated.toLocaleString('en')} of ${all} images (${share} % of the full grid)`;
  if (complete && generated >= full) return `${images}: no candidate could be dropped early.`;
  if (complete) return `${images}: dropping the worse ones early saved ${(full - generated).toLocaleString('en')}.`;
  return `${left} of ${count(entries.length, 'candidate')} left · ${images} so far`;
}

/** The lines of a measure: one for each run and strength, its points by step. */
export function linesOf(selection, measure) {
  const several = Object.keys(selection.runs || {}).length > 1;
  const lines = new Map();
  for (const entry of selection.entries) {
    const point = entry.points?.[measure];
    const key = `${entry.run} ${entry.strength}`;
    const name = several ? `${selection.runs[entry.run] || entry.run} at ${entry.strength}` : `at ${entry.strength}`;
    if (!lines.has(key)) lines.set(key, {key, name, strength: entry.strength, points: []});
    if (point) lines.get(key).points.push({...point, step: entry.step, out: entry.out, entry});
  }
  for (const line of lines.values()) line.points.sort((a, b) => a.step - b.step);
  return [...lines.values()];
}

/** Scales of a plot of `lines` in a box: {x, y, ticks: {x, y}}; null when there is nothing to plot. */
export function scalesOf(lines, extra, {width, height, left, right, top, bottom}) {
  const points = lines.flatMap((line) => line.points);
  if (!points.length) return null;
  const sure = points.filter((point) => point.n >= ENOUGH); // the intervals of a few images would flatten the rest
  const ends = [
    ...points.map((point) => point.value),
    ...sure.flatMap((point) => [point.low ?? point.value, point.high ?? point.value]),
  ];
  const values = [...ends, ...extra.filter((value) => typeof value === 'number')];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const pad = (high - low || Math.abs(high) || 1) * 0.08;
  const [from, to] = [low - pad, high + pad];
  const steps = [...new Set(points.map((point) => point.step))].sort((a, b) => a - b);
  const [first, last] = [steps[0], steps.at(-1)];
  const across = width - left - right;
  return {
    steps,
    from,
    to,
    x: (step) => (first === last ? left + across / 2 : left + (across * (step - first)) / (last - first)),
    y: (value) => top + ((height - top - bottom) * (to - clamp(value, from, to))) / (to - from),
  };
}

/** Steps to write below the axis: at most `most`, the first and the last among them. */
export function stepTicks(steps, most = 6) {
  if (steps.length <= most) return steps;
  const places = Array.from({length: most}, (_, k) => Math.round((k * (steps.length - 1)) / (most - 1)));
  return [...new Set(places)].map((place) => steps[place]);
}

/** “0.612 ± 0.021 (n = 48)”; – for none. */
export function pointText(point) {
  if (!point) return '–';
  const value = point.value.toFixed(3);
  if (typeof point.low !== 'number' || typeof point.high !== 'number') return value;
  return `${value} ± ${((point.high - point.low) / 2).toFixed(3)}`;
}

/** Why a candidate is out, in words; '' while it is not. */
export const outText = (entry) => (entry.out ? OUT[entry.out] || entry.out : '');

/** What is said of a candidate: recommended, as good, out. */
export function standing(selection, entry) {
  if (same(selection.recommended, entry)) return 'recommended';
  if (entry.out) return outText(entry);
  if (selection.alike?.some((one) => same(one, entry))) return 'cannot be told apart from the best';
  return selection.complete ? 'further from the reference images' : 'in the race';
}

/** Rows of the table: {entry, name, values, images, standing}. */
export function rowsOf(selection) {
  const several = Object.keys(selection.runs || {}).length > 1;
  return selection.entries.map((entry) => ({
    entry,
    name: (several ? `${selection.runs[entry.run] || entry.run}, ` : '') + candidateText(entry),
    values: MEASURES.map(({key}) => pointText(entry.points?.[key])),
    images: entry.images || 0,
    standing: standing(selection, entry),
  }));
}

/** What a plot says of one step, for the read-out and for screen readers. */
export function stepText(lines, step) {
  const said = lines
    .map((line) => ({line, point: line.points.find((one) => one.step === step)}))
    .filter(({point}) => point)
    .map(({line, point}) => `${line.name}: ${pointText(point)}${point.out ? ' (out)' : ''}`);
  return said.length ? `step ${step} · ${said.join(' · ')}` : '';
}

/** Strengths as they are typed: “0.6, 0.8, 1” → [0.6, 0.8, 1]; null when it is no list of numbers. */
export function strengthsOf(text) {
  const parts = text.split(/[,;\s]+/).filter(Boolean);
  const values = parts.map(Number);
  return parts.length && values.every((value) => Number.isFinite(value) && value > 0) ? values : null;
}

export const tickText = (value) => shortNumber(Number(value.toPrecision(2)));
