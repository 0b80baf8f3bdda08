import assert from 'node:assert/strict';
import {test} from 'node:test';
import {cellFacts, cellName, withValue} from '../../studio/ui/static/scripts/generate/axes_text.js';
import {byDay, cellOfPreview} from '../../studio/ui/static/scripts/generate/image_list.js';
import {headRows, metadataRows, normText} from '../../studio/ui/static/scripts/generate/inside_rows.js';
import {withRenamed} from '../../studio/ui/static/scripts/generate/lanes.js';
import * as list from '../../studio/ui/static/scripts/generate/library_list.js';

const FIELDS = [
  'path',
  'title',
  'kind',
  'family_title',
  'trigger',
  'modified',
  'problem',
  'folder',
  'favourite',
  'where',
];
const card = (...values) => list.cardOf(values, FIELDS);
const CARDS = [
  card('1', 'b10', 'lora', 'SD 1.x', 'zorp', 5, null, 'deep/er', true, 'adapters/deep/er/x.safetensors'),
  card('2', 'B2', 'embedding', 'SDXL', '', 7, null, 'deep', false, 'adapters/deep/b2.pt'),
  card('3', 'a', 'lora', '', '', 5, 'It is broken', '', false, 'adapters/a.pt'),
];
const names = (cards) => cards.map((one) => one.title);
const ALL = {words: [], kind: '', fits: false, family: 'SD 1.x'};

test('rows of the library are ordered by name, or the newest first', () => {
  assert.deepEqual(names(list.ordered(CARDS, 'name')), ['a', 'B2', 'b10']);
  assert.deepEqual(names(list.ordered(CARDS, 'new')), ['B2', 'a', 'b10']);
});

test('they are found by words, kind, and whether they fit the base', () => {
  assert.equal(list.filtered(CARDS, ALL).length, 3);
  assert.deepEqual(names(list.filtered(CARDS, {...ALL, words: ['lora', 'zorp']})), ['b10']);
  assert.deepEqual(names(list.filtered(CARDS, {...ALL, kind: 'embedding'})), ['B2']);
  assert.deepEqual(names(list.filtered(CARDS, {...ALL, fits: true})), ['b10']);
  assert.equal(list.misfit(CARDS[1], 'SD 1.x'), 'Made for SDXL; this base is SD 1.x.');
  assert.equal(list.misfit(CARDS[1], ''), '');
  assert.equal(list.misfit(CARDS[2], ''), 'It is broken');
});

test('they are found by file, folder and star', () => {
  const found = (more) => names(list.filtered(CARDS, {...ALL, ...more}));
  assert.deepEqual(found({words: ['x.safetensors']}), ['b10']);
  assert.deepEqual(found({folder: 'deep'}), ['b10', 'B2']);
  assert.deepEqual(found({folder: 'deep/er'}), ['b10']);
  assert.deepEqual(found({favourites: true}), ['b10']);
  assert.deepEqual(list.foldersOf(CARDS), ['deep', 'deep/er']);
});

test('where a file lies, in short', () => {
  assert.deepEqual(CARDS.map(list.placeOf), ['deep/er/x.safetensors', 'deep/b2.pt', 'a.pt']);
  assert.equal(list.placeOf({where: 'samples/zibbo.safetensors'}), 'samples/zibbo.safetensors');
});

test('titles that several entries have', () => {
  const shared = list.sharedTitles([{title: 'Fox'}, {title: 'fox'}, {title: 'cat'}]);
  assert.deepEqual([...shared], ['fox']);
});

test('a renamed file keeps its place on the stack and in columns', () => {
  const lanes = [{name: '', stack: [{path: 'a', strength: 2}, {path: 'b'}]}];
  assert.deepEqual(withRenamed(lanes, 'a', 'c')[0].stack, [{path: 'c', strength: 2}, {path: 'b'}]);
  assert.equal(lanes[0].stack[0].path, 'a');
});

test('only rows in view and a few around them are made', () => {
  const view = {height: 520, row: 52, length: 1000};
  assert.deepEqual(list.rowsInView({...view, top: 0}), [0, 19]);
  assert.deepEqual(list.rowsInView({...view, top: 5200}), [96, 115]);
  assert.deepEqual(list.rowsInView({...view, top: 0, length: 3}), [0, 3]);
});

test('kinds are counted by name', () => {
  assert.deepEqual(list.kindCounts(CARDS), [
    ['embedding', 1],
    ['lora', 2],
  ]);
});

test('images are grouped by day in their order', () => {
  const image = (id, day) => ({id, day});
  const days = byDay([image(1, 'b'), image(2, 'b'), image(3, 'a')]);
  assert.deepEqual(
    days.map(([day, images]) => [day, images.map(({id}) => id)]),
    [
      ['b', [1, 2]],
      ['a', [3]],
    ],
  );
});

test('an image of a lane finds its cell: lanes are columns, cells are counted by rows', () => {
  const cells = [0, 1, 2, 3, 4, 5].map((place) => cellOfPreview(place, 3, 2));
  assert.deepEqual(cells, [0, 2, 4, 1, 3, 5]);
});

test('values of an axis are added as they are read', () => {
  assert.equal(withValue(' ', 'Euler', ', '), 'Euler');
  assert.equal(withValue('DDIM ', 'Euler', ', '), 'DDIM, Euler');
  assert.equal(withValue('', 'a, b', ', '), '"a, b"');
});

test('a cell is called by what varies', () => {
  const sides = {
    x: {title: 'Seed', headings: ['1', '2']},
    y: {title: '', headings: ['']},
    pages: {title: 'Steps', headings: ['10']},
  };
  const cell = {x: 1, y: 0, page: 0};
  assert.equal(cellName(cell, sides), 'Seed 2, Steps 10');
  assert.deepEqual(cellFacts(cell, sides)[0], ['Seed', '2']);
});

test('what is in a file: its training apart from other metadata, without the preview', () => {
  const {training, others} = metadataRows({
    ss_learning_rate: '1e-4',
    'modelspec.title': 'k',
    'modelspec.thumbnail': 'data:…',
  });
  assert.deepEqual(training, [['learning rate', '1e-4']]);
  assert.deepEqual(others, [['modelspec.title', 'k']]);
  assert.deepEqual(headRows({parameters: 12345})[3], ['Parameters', '12,345']);
  assert.deepEqual([normText(null), normText(1.23456)], ['depends on the base', '1.23']);
});
