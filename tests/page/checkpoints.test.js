import assert from 'node:assert/strict';
import {test} from 'node:test';
import {
  costText,
  linesOf,
  pointText,
  raceText,
  rowsOf,
  scalesOf,
  standing,
  stepText,
  stepTicks,
  strengthsOf,
} from '../../studio/ui/static/scripts/compare/checkpoint_rules.js';

const point = (value, n = 16) => ({value, low: value - 0.02, high: value + 0.02, n});
const entry = (step, strength, value, more = {}) => ({
  run: 'r',
  step,
  strength,
  images: 24,
  out: '',
  points: {likeness: point(value)},
  ...more,
});
const selection = {
  runs: {r: 'zibbo'},
  entries: [
    entry(100, 0.8, 0.4, {out: 'score'}),
    entry(100, 1, 0.5, {out: 'aside'}),
    entry(200, 0.8, 0.6),
    entry(200, 1, 0.61),
  ],
  recommended: {run: 'r', step: 200, strength: 1},
  alike: [
    {run: 'r', step: 200, strength: 0.8},
    {run: 'r', step: 200, strength: 1},
  ],
  generated: 96,
  full: 300,
  complete: true,
};

test('a measure has a line per strength, its points by step', () => {
  const lines = linesOf(selection, 'likeness');
  assert.deepEqual(
    lines.map((line) => [line.name, line.points.map((one) => one.step)]),
    [
      ['at 0.8', [100, 200]],
      ['at 1', [100, 200]],
    ],
  );
  assert.equal(lines[0].points[0].out, 'score');
  assert.deepEqual(linesOf(selection, 'drift')[0].points, []);
  const two = {...selection, runs: {r: 'zibbo', s: 'other'}};
  assert.equal(linesOf(two, 'likeness')[0].name, 'zibbo at 0.8');
});

test('scales hold every interval and the limit', () => {
  const box = {width: 100, height: 100, left: 10, right: 10, top: 0, bottom: 0};
  const scales = scalesOf(linesOf(selection, 'likeness'), [0.9, null], box);
  assert.deepEqual(scales.steps, [100, 200]);
  assert.deepEqual([scales.x(100), scales.x(200)], [10, 90]);
  assert.ok(scales.from < 0.38 && scales.to > 0.9);
  assert.ok(scales.y(0.9) > 0 && scales.y(0.9) < scales.y(0.4));
  assert.equal(scalesOf([], [], box), null);
  const one = scalesOf([{points: [{...point(0), step: 5}]}], [], box);
  assert.equal(one.x(5), 50);
});

test('few steps are written below the axis, with both ends', () => {
  assert.deepEqual(stepTicks([1, 2, 3]), [1, 2, 3]);
  const ticks = stepTicks(
    Array.from({length: 30}, (_, k) => 10 * k),
    5,
  );
  assert.equal(ticks.length, 5);
  assert.deepEqual([ticks[0], ticks.at(-1)], [0, 290]);
});

test('every candidate says how it stands', () => {
  assert.deepEqual(
    selection.entries.map((one) => standing(selection, one)),
    [
      'further from the reference images',
      'set aside: others were as good so far',
      'cannot be told apart from the best',
      'recommended',
    ],
  );
  assert.equal(standing({...selection, complete: false, alike: [], recommended: null}, entry(9, 1, 0)), 'in the race');
  assert.equal(standing(selection, entry(9, 1, 0, {out: 'The file is damaged.'})), 'The file is damaged.');
  const [first] = rowsOf(selection);
  assert.deepEqual([first.name, first.images], ['step 100 at 0.8', 24]);
  assert.deepEqual(first.values, ['0.400 ± 0.020', '–', '–', '–']);
});

test('values and steps read as words', () => {
  assert.equal(pointText({value: 0.5, low: null, high: null, n: 1}), '0.500');
  const said = stepText(linesOf(selection, 'likeness'), 100);
  assert.equal(said, 'step 100 · at 0.8: 0.400 ± 0.020 (out) · at 1: 0.500 ± 0.020 (out)');
  assert.equal(stepText([], 100), '');
});

test('costs and savings are said', () => {
  const plan = {checkpoints: 15, strengths: 3, candidates: 45, full: 3300, prompts: 8, each: 48, of_base: 72};
  assert.match(costText(plan), /15 checkpoints × 3 strengths = 45 candidates, 8 prompts: at most 3,300 images/);
  assert.match(costText(plan), /48 with the trigger word and 24 without it, for drift; the base has 72/);
  assert.equal(
    raceText(selection),
    '96 of 300 images (32 % of the full grid): dropping the worse ones early saved 204.',
  );
  assert.match(raceText({...selection, complete: false}), /^2 of 4 candidates left/);
  assert.match(raceText({...selection, generated: 300}), /no candidate could be dropped early/);
  assert.match(raceText({...selection, full: 0}), /first images/);
});

test('strengths are read as they are typed', () => {
  assert.deepEqual(strengthsOf('0.6, 0.8;1'), [0.6, 0.8, 1]);
  for (const wrong of ['', 'a', '0', '0.5, -1']) assert.equal(strengthsOf(wrong), null);
});
