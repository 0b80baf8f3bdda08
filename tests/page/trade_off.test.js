import assert from 'node:assert/strict';
import {test} from 'node:test';
import {axesOf, dominated, ticksOf, tradeOff} from '../../studio/ui/static/scripts/compare/trade_off.js';

const row = (key, better, more = {}) => ({key, label: key, better, unit: '', digits: 2, needs: {}, ...more});
const LIKENESS = row('image_image', 'higher');
const DRIFT = row('drift', 'lower');
const TEXT = row('image_text', 'higher');
const MEASURES = [LIKENESS, TEXT, DRIFT];
const column = (name, likeness, drift, more = {}) => ({
  name,
  measures: {image_image: likeness, drift, image_text: 0.3},
  intervals: {image_image: [likeness - 0.05, likeness + 0.05]},
  ...more,
});
const difference = (measure, a, b, value, told_apart = true) => ({measure, a, b, value, told_apart});

test('the axes are drift and likeness, else prompt following, else none', () => {
  const all = {columns: [column('a', 0.5, 0.1), column('b', 0.4, 0.2)]};
  assert.deepEqual(axesOf(all, MEASURES), [DRIFT, LIKENESS]);
  const without = {columns: all.columns.map((one) => ({...one, measures: {...one.measures, drift: null}}))};
  assert.deepEqual(axesOf(without, MEASURES), [TEXT, LIKENESS]);
  assert.equal(axesOf({columns: all.columns.slice(1)}, MEASURES), null);
  assert.equal(axesOf(all, [DRIFT]), null);
  assert.equal(tradeOff({columns: []}, MEASURES, 500), null);
});

test('a column is dominated only by one that is told apart and not worse in the other', () => {
  const columns = [column('a', 0.5, 0.1), column('b', 0.4, 0.2)];
  const axes = [DRIFT, LIKENESS];
  const of = (...differences) => [0, 1].map((place) => dominated({columns, differences}, place, axes));
  assert.deepEqual(of(difference('image_image', 0, 1, 0.1)), [false, true]);
  assert.deepEqual(of(difference('image_image', 0, 1, 0.1, false)), [false, false]);
  assert.deepEqual(of(difference('image_image', 0, 1, 0.1), difference('drift', 0, 1, 0.1)), [false, false]);
  assert.deepEqual(of(difference('drift', 0, 1, -0.1)), [false, true]);
});

test('marks have their places, sizes and labels that cover no other one', () => {
  const columns = [
    column('LoRA', 0.5, 0.1, {bytes: 4e6, seconds: 61}),
    column('Textual Inversion', 0.5001, 0.1001, {bytes: 1e6}),
    column('base', 0.2, 0, {bytes: 0}),
    column('broken', null, null),
  ];
  const found = tradeOff({columns, differences: []}, MEASURES, 600);
  assert.deepEqual(
    found.points.map(({name}) => name),
    ['LoRA', 'Textual Inversion', 'base'],
  );
  const [lora, word, base] = found.points;
  assert.ok(base.x < lora.x && base.y > lora.y, 'less drift is left, more likeness is up');
  assert.ok(base.radius < word.radius && word.radius < lora.radius);
  assert.deepEqual(lora.lines, ['LoRA', '4.0 MB · 1 min 01 s']);
  assert.deepEqual(base.lines, ['base']);
  assert.ok(lora.along[0] > lora.y && lora.along[1] < lora.y);
  const [one, two] = [lora.label.box, word.label.box];
  assert.ok(one.r < two.l || one.l > two.r || one.b < two.t || one.t > two.b);
  for (const {x, y} of found.points) assert.ok(x >= 56 && x <= 600 && y >= 0 && y <= found.height);
});

test('columns of one value are plotted, too, and ticks are round', () => {
  const same = [column('a', 0.5, 0), column('b', 0.5, 0)].map((one) => ({...one, intervals: {}}));
  for (const {x, y} of tradeOff({columns: same}, MEASURES, 400).points) assert.ok(Number.isFinite(x + y));
  assert.deepEqual(
    ticksOf(0.03, 0.61).map((value) => value.toFixed(2)),
    ['0.20', '0.40', '0.60'],
  );
});
