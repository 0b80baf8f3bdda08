import assert from 'node:assert/strict';
import {test} from 'node:test';
import * as columns from '../../studio/ui/static/scripts/compare/column_list.js';
import * as measures from '../../studio/ui/static/scripts/compare/measures.js';

const KID = {
  key: 'kid',
  label: 'KID',
  says: 'How far.',
  formula: 'MMD',
  better: 'lower',
  unit: '',
  needs: {clip: 'no CLIP', reference: 'no reference images were chosen'},
};
const TEXT = {...KID, key: 'image_text', label: 'Image–text', better: 'higher', needs: {clip: 'no CLIP'}};
const column = (name, found, more = {}) => ({name, stack: [], measures: found, ...more});
const comparison = (list, more = {}) => ({columns: list, complete: true, notes: [], ...more});

test('a value is shown with its error and what it was measured on', () => {
  const all = comparison([
    column('a', {kid: 0.12345}, {standard_errors: {kid: 0.0456}, counts: [8, 20]}),
    column('b', {kid: 12.345}),
  ]);
  const first = measures.shownValue(all, all.columns[0], KID);
  assert.deepEqual([first.text, first.sure], ['0.1235', '±0.046']);
  assert.equal(first.title, 'How far. Lower is better. Measured on 8 against 20 images.');
  assert.equal(measures.shownValue(all, all.columns[1], KID).text, '12.35');
  assert.equal(measures.shownValue(all, all.columns[0], {...KID, unit: 'px'}).text, '0.1235 px');
});

test('a value has its interval, a fact is a value of the column', () => {
  const one = column('a', {kid: 0.5}, {intervals: {kid: [0.4, 0.6]}, bytes: 2048});
  const all = comparison([one]);
  assert.deepEqual(measures.shownValue(all, one, {...KID, digits: 2}).sure, '0.40 … 0.60');
  assert.equal(measures.shownValue(all, one, {...KID, key: 'bytes', unit: 'bytes', fact: true}).text, '2 kB');
  assert.equal(measures.shownValue(all, column('a', {kid: 0.5}), {...KID, digits: 0, unit: '%'}).text, '50 %');
  assert.equal(measures.written({digits: 2, unit: ''}, -0.001), '0.00');
  assert.equal(measures.measuredValue(column('a', {}, {bytes: 0}), {...KID, key: 'bytes', fact: true}), null);
  const marked = column('a', {kid: 0.5}, {told_apart: ['kid']});
  assert.deepEqual(
    [marked, one].map((each) => measures.shownValue(all, each, KID).apart),
    [true, false],
  );
});

test('a difference is of the first minus the other, and says whether they can be told apart', () => {
  const found = {measure: 'kid', a: 0, b: 1, value: 0.2, low: 0.1, high: 0.3, told_apart: true};
  const all = comparison([column('a', {}), column('b', {})], {differences: [found]});
  const of = (a, b) => measures.shownDifference(all, a, b, {...KID, digits: 1});
  assert.deepEqual(of(0, 1), {text: '+0.2', sure: '0.1 … 0.3', told: true, better: -1});
  assert.deepEqual(of(1, 0), {text: '−0.2', sure: '−0.3 … −0.1', told: true, better: 1});
  assert.equal(of(0, 0), null);
  assert.equal(measures.shownDifference(comparison([]), 0, 1, KID), null);
  all.differences[0].low = null;
  assert.equal(of(0, 1).sure, 'too few images');
});

test('a missing value says why', () => {
  const none = column('a', {});
  const why = (more, measure = KID, one = none) => measures.whyNot(comparison([one], more), one, measure);
  assert.match(why({}, KID, column('a', {}, {error: {what: 'x'}})), /could not be generated/);
  assert.match(why({complete: false}), /Not measured yet/);
  assert.match(why({}), /no reference images were chosen/);
  assert.match(why({}, {...KID, needs: {training: 'no training images'}}), /no training images/);
  const known = {lacking: {training: 'different folders'}};
  assert.match(why(known, {...KID, needs: {training: 'no training images'}}), /^Not measured: different folders/);
  assert.match(why({}, {...KID, needs: {prompt: 'no prompts'}}, column('a', {}, {folder: 'x'})), /no prompts/);
  assert.match(why({reference: {images: 4}}, {...KID, needs: {reference: '', dino: 'no weights'}}), /no weights/);
  assert.match(why({}, {...KID, fact: true}), /Not known/);
  assert.match(why({reference: {images: 4}}), /It was not measured/);
  assert.equal(why({notes: ['CLIP is missing.']}, TEXT), 'CLIP is missing.');
  assert.equal(measures.shownValue(comparison([none]), none, KID).text, '—');
});

test('reasons are said once for all measures that they explain', () => {
  const broken = column('c', {}, {error: {what: 'x'}});
  const all = comparison([column('a', {image_text: 0.3}), column('b', {image_text: 0.2}), broken]);
  assert.deepEqual(measures.missingReasons(all, [KID, TEXT]), [
    ['Not measured: no reference images were chosen.', ['KID']],
  ]);
  assert.deepEqual(measures.missingReasons({...all, complete: false}, [KID, TEXT]), []);
});

test('a count has its thousands apart, as in a report', () => {
  const measure = {key: 'trainable_parameters', unit: '', digits: 0};
  assert.equal(measures.written(measure, 202752), '202,752');
});

test('rows are prompts with seeds', () => {
  const rows = measures.rowsOf({prompts: ['a', 'b'], seeds: [1, 2]});
  assert.deepEqual(
    rows.map(({text, seed}) => `${text}${seed}`),
    ['a1', 'a2', 'b1', 'b2'],
  );
  assert.equal(measures.stackText([]), 'base model alone');
  assert.equal(measures.stackText([{path: '/x/k.safetensors', strength: 0.5}]), 'k × 0.5');
});

test('columns get names of their own, and no more than there may be', () => {
  const base = columns.baseColumn();
  const found = columns.withColumns([base], [base, base, columns.newColumn('k', '/k')], 3);
  assert.deepEqual(
    found.map(({name}) => name),
    ['Base', 'Base 2', 'Base 3'],
  );
  assert.deepEqual(columns.withColumns(found, [base], 3), found);
});

test('columns are changed, moved and removed without touching the others', () => {
  const list = ['a', 'b', 'c'].map((name) => columns.newColumn(name, `/${name}`));
  const names = (some) => some.map(({name}) => name).join('');
  assert.equal(names(columns.movedColumn(list, 2, -1)), 'acb');
  assert.equal(names(columns.withoutColumn(list, 0)), 'bc');
  assert.equal(names(columns.withColumn(list, 1, {name: 'x'})), 'axc');
  assert.equal(names(list), 'abc');
  const stack = columns.withFiles(list[0].stack, ['/a', '/n']);
  assert.deepEqual(
    stack.map(({path}) => path),
    ['/a', '/n'],
  );
  assert.deepEqual(
    columns.withoutFile(stack, '/a').map(({path}) => path),
    ['/n'],
  );
});

test('sources are found by words, broken ones never', () => {
  const sources = [
    {name: 'Korvu', kind: 'lora', group: 'Runs', run: 'r1', path: '/k', seconds: 4},
    {name: 'Zorp', kind: 'embedding', group: 'Adapters', path: '/z', trigger: 'zz'},
    {name: 'Broken', kind: 'lora', group: 'Adapters', path: '/b', problem: 'x'},
  ];
  const names = (words) => columns.matching(sources, words).map(({name}) => name);
  assert.deepEqual(names([]), ['Korvu', 'Zorp']);
  assert.deepEqual(names(['runs', 'korv']), ['Korvu']);
  assert.deepEqual(names(['zz']), ['Zorp']);
  assert.deepEqual(columns.wanted(sources, {run: 'r1'}).map(columns.columnOf)[0].seconds, 4);
  assert.deepEqual(
    columns.wanted(sources, {adapters: ['/z', '/k']}).map(({name}) => name),
    ['Zorp'],
  );
});
