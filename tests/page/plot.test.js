import assert from 'node:assert/strict';
import {test} from 'node:test';
import {LossData} from '../../studio/ui/static/scripts/train/loss_data.js';
import {
  bounds,
  columnRanges,
  logTicks,
  nearest,
  scales,
  smooth,
  ticks,
} from '../../studio/ui/static/scripts/train/plot_math.js';

const close = (a, b) => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);

test('smoothing begins as a plain mean and goes on as an exponential one', () => {
  const found = smooth([2, 4, 6], [], 0.9);
  close(found[0], 2);
  close(found[1], 3);
  close(found[2], 4);
  close(smooth([0, 0, 0, 0, 10], [], 0.5).at(-1), 5);
});

test('smoothing goes on where it was', () => {
  const values = [5, 1, 4, 2, 8, 3];
  const whole = smooth(values, [], 0.6);
  const first = smooth(values.slice(0, 3), [], 0.6);
  assert.deepEqual(smooth(values, first, 0.6, 3), whole);
});

test('axes have round values inside of their ends', () => {
  assert.deepEqual(ticks(0, 1, 4), [0, 0.5, 1]);
  assert.deepEqual(ticks(0, 300, 3), [0, 100, 200, 300]);
  assert.deepEqual(ticks(0.02, 0.06, 3), [0.02, 0.04, 0.06]);
  assert.deepEqual(logTicks(0.01, 0.2), [0.01, 0.02, 0.05, 0.1, 0.2]);
  assert.deepEqual(logTicks(0.021, 0.048, 3), [0.03, 0.04]); // between 0.02 and 0.05 no log line lies
});

test('outliers of raw losses do not set the ends, lines do', () => {
  const raw = [...Array(99).fill(1), 1000];
  const [low, high] = bounds([], raw, false);
  assert.ok(low < 1 && high < 2);
  assert.ok(bounds([5], raw, false)[1] > 5);
  assert.deepEqual(bounds([], [], false), [0, 1]);
  assert.deepEqual(bounds([], [], true), [0.01, 1]);
  assert.ok(bounds([-1, 0, 0.5], [], true)[0] > 0);
  assert.ok(bounds([null, undefined, Number.NaN, 2], [], false)[1] > 2);
});

test('steps go to the right, high values up', () => {
  const box = {left: 10, top: 0, width: 100, height: 50};
  const plain = scales(box, 200, [0, 2], false);
  assert.deepEqual([plain.x(0), plain.x(200), plain.y(0), plain.y(2)], [10, 110, 50, 0]);
  const log = scales(box, 200, [0.01, 1], true);
  close(log.y(0.1), 25);
  assert.ok(Number.isFinite(log.y(0)));
});

test('a column of pixels has the range of its steps', () => {
  const x = (step) => step / 2;
  assert.deepEqual(columnRanges([0, 2, 3, 4], [5, 1, 9, 4], x), [
    [0, 5, 5],
    [1, 1, 1],
    [2, 4, 9],
  ]);
});

test('the nearest step is found by halving', () => {
  const steps = [1, 5, 10];
  const asked = [-9, 2, 4, 7, 8, 99];
  assert.deepEqual(
    asked.map((step) => nearest(steps, step)),
    [0, 0, 1, 1, 2, 2],
  );
  assert.equal(nearest([], 3), -1);
});

test('steps that are repeated after a checkpoint replace those before', () => {
  const data = new LossData();
  data.add([
    [1, 0.5, 1e-4],
    [2, 0.4, 1e-4],
    [3, 0.3, 1e-4],
  ]);
  data.validation({step: 3, train: 0.2});
  data.add([
    [2, 0.9, 1e-4],
    [3, 0.8, 1e-4],
  ]);
  assert.deepEqual(data.steps, [1, 2, 3]);
  assert.deepEqual(data.losses, [0.5, 0.9, 0.8]);
  assert.equal(data.averages.length, 3);
  assert.deepEqual(data.validations, []);
});

test('a log that arrives at once and went back to the beginning gives one curve', () => {
  const data = new LossData();
  data.add([
    [1, 0.5, 1e-4],
    [2, 0.4, 1e-4],
    [3, 0.3, 1e-4],
    [1, 0.9, 1e-5],
    [2, 0.8, 1e-5],
  ]);
  assert.deepEqual(data.steps, [1, 2]);
  assert.deepEqual(data.losses, [0.9, 0.8]);
  assert.deepEqual(data.rates, [1e-5, 1e-5]);
  data.mark(2);
  data.mark(3);
  data.validation({step: 3, train: 0.2});
  assert.deepEqual([data.marks, data.validations], [[2], []], 'what came after is gone');
  close(data.averages[1], 0.85);
});

test('validations are one per step, in order', () => {
  const data = new LossData();
  for (const [step, train] of [
    [20, 3],
    [0, 1],
    [20, 2],
  ]) {
    data.validation({step, train, held_out: null});
  }
  assert.deepEqual(
    data.validations.map(({step, train}) => [step, train]),
    [
      [0, 1],
      [20, 2],
    ],
  );
  assert.equal(data.validationAt(19).step, 0);
  assert.equal(data.validationsOf('held_out').length, 0);
  assert.equal(data.end, 20);
  data.clear();
  assert.equal(data.end, 10);
});

test('a click means the nearest checkpoint on disk, if one is near', () => {
  const data = new LossData();
  data.keep([100, 200, 300]);
  assert.equal(data.keptNear(190, 20), 200);
  assert.equal(data.keptNear(149, 60), 100);
  assert.equal(data.keptNear(150, 20), undefined);
  data.clear();
  assert.equal(data.keptNear(200, 20), undefined);
});
