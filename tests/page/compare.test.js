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
  digits: 3,
  fact: false,
  needs: ['clip', 'reference'],
};
const TEXT = {...KID, key: 'image_text', label: 'Prompt following', better: 'higher', needs: ['clip']};
const TIME = {...KID, key: 'seconds', label: 'Training time', unit: 's', fact: true, needs: []};
const MISSING = {reference: 'no reference images were chosen', training: 'no training images', dino: 'no weights'};
const column = (name, found, more = {}) => ({name, stack: [], measures: found, ...more});
const comparison = (list, more = {}) => ({columns: list, complete: true, notes: [], ...more});

test('a value is shown with its interval and what it was measured on, and marked only where it is told apart', () => {
  const all = comparison([
    column('a', {kid: 0.12345}, {intervals: {kid: [0.1, 0.1567]}, counts: [8, 20], told_apart: ['kid']}),
    column('b', {kid: -12.345}, {standard_errors: {kid: 0.0456}}),
    column('c', {kid: 0.2}, {intervals: {kid: [0.2, 0.2]}}),
  ]);
  const [first, second, third] = all.columns.map((one) => measures.shownValue(all, one, KID, MISSING));
  assert.deepEqual([first.text, first.interval, first.apart], ['0.123', '0.100 … 0.157', true]);
  assert.equal(first.title, 'How far. Lower is better. Measured on 8 against 20 images.');
  assert.deepEqual([second.text, second.interval, second.apart], ['−12.345', '± 0.046', false]); // an earlier version
  assert.equal(third.interval, '');
});

test('numbers read like their unit', () => {
  assert.equal(measures.numberText(0.255, {...KID, unit: '%', digits: 0}), '26');
  assert.equal(measures.numberText(-0.00001, KID), '0.000');
  assert.equal(measures.numberText(1234567, {...KID, digits: 0}), '1,234,567');
  assert.equal(measures.numberText(61, TIME), '1 min 01 s');
  assert.equal(measures.numberText(2e6, {...KID, unit: 'bytes'}), '2.0 MB');
  assert.equal(measures.intervalText([0.1, 0.4], {...KID, unit: '%', digits: 0}), '10 … 40 %');
});

test('facts are fields of the column, and rows without any value are left out', () => {
  const list = [column('a', {kid: null}, {seconds: 4, bytes: 0}), column('b', {})];
  assert.equal(measures.measuredValue(list[0], TIME), 4);
  assert.equal(measures.measuredValue(list[0], {...TIME, key: 'bytes'}), null); // no file
  assert.deepEqual(measures.measuredRows(comparison(list), [KID, TEXT, TIME]), [TIME]);
});

test('a missing value says why', () => {
  const none = column('a', {});
  const why = (more, measure = KID, one = none) => measures.whyNot(comparison([one], more), one, measure, MISSING);
  assert.match(why({}, KID, column('a', {}, {error: {what: 'x'}})), /could not be generated/);
  assert.match(why({complete: false}), /Not measured yet/);
  assert.match(why({}), /no reference images were chosen/);
  assert.match(why({reference: {images: 4}}), /It was not measured/);
  assert.match(why({}, {...KID, needs: ['training']}), /no training images/);
  assert.match(why({reference: {images: 4}}, {...KID, needs: ['reference', 'dino']}), /no weights/);
  assert.match(why({}, TIME), /Not known/);
  assert.equal(why({notes: ['CLIP is missing.']}, TEXT), 'CLIP is missing.');
  assert.equal(measures.shownValue(comparison([none]), none, KID, MISSING).text, '—');
});

test('reasons are said once for all measures that they explain', () => {
  const broken = column('c', {}, {error: {what: 'x'}});
  const all = comparison([column('a', {image_text: 0.3}), column('b', {image_text: 0.2}), broken]);
  const reasons = measures.missingReasons(all, [KID, TEXT, TIME], MISSING);
  assert.deepEqual(reasons, [['Not measured: no reference images were chosen.', ['KID']]]);
  assert.deepEqual(measures.missingReasons({...all, complete: false}, [KID, TEXT], MISSING), []);
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
