import assert from 'node:assert/strict';
import {test} from 'node:test';
import {insideParts, insideText} from '../../studio/ui/static/scripts/compare/address.js';
import {differenceInto} from '../../studio/ui/static/scripts/compare/difference.js';
import * as pairs from '../../studio/ui/static/scripts/compare/pair_rules.js';
import {rowsInView, scrolledTo} from '../../studio/ui/static/scripts/compare/row_window.js';
import * as tracks from '../../studio/ui/static/scripts/compare/tracks.js';
import * as zoom from '../../studio/ui/static/scripts/compare/zoom_math.js';
import {turn} from '../../studio/ui/static/scripts/core/turning.js';

const file = (strength = 1) => ({path: '/x', strength});
const checkpoint = (run, step, more = {}) => ({name: `${run}, step ${step}`, run, step, stack: [file()], ...more});
const base = {name: 'Base', stack: []};
const names = (list) => list.map(({name}) => name);

test('checkpoints of a run are one column in the order of their steps', () => {
  const columns = [
    base,
    checkpoint('zibbo', 300),
    checkpoint('neon', 5),
    checkpoint('zibbo', 20),
    checkpoint('zibbo', 100),
  ];
  const found = tracks.tracksOf(columns, true);
  assert.deepEqual(names(found), ['Base', 'zibbo', 'neon, step 5']);
  assert.deepEqual(found[1].columns, [3, 4, 1]);
  assert.deepEqual(found[1].steps, [20, 100, 300]);
  assert.equal(found[2].steps, null);
  assert.equal(tracks.tracksOf(columns, false).length, 5);
  assert.ok(tracks.hasCheckpoints(columns));
  assert.ok(!tracks.hasCheckpoints(columns.slice(0, 3)));
});

test('checkpoints at other strengths are a column of their own', () => {
  const weak = (step) => checkpoint('zibbo', step, {stack: [file(0.5)]});
  const found = tracks.tracksOf([checkpoint('zibbo', 1), weak(1), checkpoint('zibbo', 2), weak(2)], true);
  assert.deepEqual(
    found.map(({columns}) => columns),
    [
      [0, 2],
      [1, 3],
    ],
  );
});

test('checkpoints of a race are headed by the name of their run, and by their strength', () => {
  const id = '20260101-120000-zibbo-2';
  const racing = (step, strength) => ({name: `Step ${step} at ${strength}`, run: id, step, stack: [file(strength)]});
  const columns = [racing(20, 0.5), racing(20, 1), racing(100, 0.5), racing(100, 1)];
  assert.deepEqual(names(tracks.tracksOf(columns, true, {[id]: 'My zibbo'})), ['My zibbo at 0.5', 'My zibbo at 1']);
  assert.deepEqual(names(tracks.tracksOf(columns, true)), ['zibbo-2 at 0.5', 'zibbo-2 at 1']);
  const plain = [2, 10].map((step) => ({...racing(step, 1), name: `Step ${step}`}));
  assert.deepEqual(names(tracks.tracksOf(plain, true, {[id]: 'My zibbo'})), ['My zibbo']);
});

test('a column has the same key whether others of its run are beside it or not', () => {
  const [alone] = tracks.tracksOf([checkpoint('zibbo', 1), base], true);
  assert.equal(alone.key, tracks.tracksOf([checkpoint('zibbo', 1)], false)[0].key);
});

test('the common name ends before a number, half a word, or “step”', () => {
  assert.equal(tracks.commonName(['zibbo-100', 'zibbo-150']), 'zibbo');
  assert.equal(tracks.commonName(['my zibbo, step 100', 'my zibbo, step 90']), 'my zibbo');
  assert.equal(tracks.commonName(['footstep 1', 'footstep 2']), 'footstep');
  assert.equal(tracks.commonName(['a', 'b']), '');
});

test('a track shows its last step until another one is chosen', () => {
  const [one] = tracks.tracksOf([checkpoint('z', 1), checkpoint('z', 2)], true);
  assert.equal(tracks.shownColumn(one, {}), 1);
  assert.equal(tracks.shownColumn(one, {[one.key]: 0}), 0);
  assert.equal(tracks.shownColumn(one, {[one.key]: 9}), 1);
});

test('columns are ordered by name and by measure, those without a value last', () => {
  const measures = [
    {key: 'kid', better: 'lower'},
    {key: 'text', better: 'higher'},
  ];
  const columns = [
    {name: 'b 10', measures: {kid: 0.3, text: 0.1}},
    {name: 'b 9', measures: {}},
    {name: 'A', measures: {kid: 0.1, text: 0.4}},
    {name: 'c', measures: null},
  ];
  const all = tracks.tracksOf(columns, true);
  const order = (by) => names(tracks.sorted(all, by, {columns, steps: {}, measures}));
  assert.deepEqual(order(''), ['b 10', 'b 9', 'A', 'c']);
  assert.deepEqual(order('name'), ['A', 'b 9', 'b 10', 'c']);
  assert.deepEqual(order('kid'), ['A', 'b 10', 'b 9', 'c']);
  assert.deepEqual(order('text'), ['A', 'b 10', 'b 9', 'c']);
  assert.deepEqual(order('gone'), ['b 10', 'b 9', 'A', 'c']);
});

test('what is under the pointer stays there while zooming', () => {
  const place = [0.2, -0.3];
  const seen = ({zoom: by, x, y}) => [(place[0] - x) / by, (place[1] - y) / by]; // on the image itself
  const once = zoom.zoomedAt(zoom.WHOLE, 3, place);
  const twice = zoom.zoomedAt(once, 5, place);
  assert.equal(twice.zoom, 5);
  for (const [k, value] of seen(twice).entries()) assert.ok(Math.abs(value - place[k]) < 1e-12);
});

test('nothing beside the image comes into view', () => {
  assert.deepEqual(zoom.movedBy({zoom: 3, x: 0, y: 0}, 9, -9), {zoom: 3, x: 1, y: -1});
  assert.equal(zoom.zoomedAt(zoom.WHOLE, 99).zoom, zoom.MOST);
  assert.deepEqual(zoom.zoomedAt({zoom: 4, x: 1.5, y: -1.5}, 0.1, [0.5, 0.5]), {zoom: 1, x: 0, y: 0});
});

test('two fingers zoom by their distance and move by their middle', () => {
  const before = [[-0.1, 0], [0.1, 0]]; // biome-ignore format: a pair
  assert.deepEqual(zoom.pinched(zoom.WHOLE, before, [[-0.2, 0], [0.2, 0]]), {zoom: 2, x: 0, y: 0}); // biome-ignore format: a pair
  const moved = zoom.pinched({zoom: 2, x: 0, y: 0}, before, [[0.1, 0.2], [0.3, 0.2]]); // biome-ignore format: a pair
  assert.deepEqual(
    [moved.zoom, moved.x, moved.y].map((value) => Math.round(value * 1e6) / 1e6),
    [2, 0.2, 0.2],
  );
});

test('only rows in view exist', () => {
  const rows = (top, beyond = 2) => rowsInView({top, seen: 500, height: 100, count: 80, beyond});
  assert.deepEqual(rows(0), [0, 7]);
  assert.deepEqual(rows(1050), [8, 18]);
  assert.deepEqual(rows(7600), [74, 80]);
  assert.deepEqual(rows(99999), [80, 80]);
  assert.deepEqual(rowsInView({top: 0, seen: 500, height: 100, count: 0}), [0, 0]);
});

test('a row is scrolled to only as far as needed', () => {
  const box = {top: 300, seen: 500, height: 100};
  assert.deepEqual(
    [2, 3, 7, 8].map((row) => scrolledTo(row, box)),
    [200, 300, 300, 400],
  );
});

test('a difference is absolute, has a gain, and a mean before the gain', () => {
  const out = new Uint8ClampedArray(8);
  const mean = differenceInto(out, [10, 20, 30, 255, 0, 0, 0, 255], [20, 10, 30, 255, 0, 0, 200, 0], 4);
  assert.deepEqual([...out], [40, 40, 0, 255, 0, 0, 0, 255]);
  assert.equal(mean, 20 / 6);
  assert.equal(differenceInto(new Uint8ClampedArray(0), [], [], 1), 0);
});

test('a cell is looked at beside another column, or beside what is pinned', () => {
  assert.deepEqual(pairs.pairFor(3, {column: 2, row: 5}, null), {a: {column: 0, row: null}, b: {column: 2, row: 5}});
  assert.equal(pairs.pairFor(3, {column: 0, row: 5}, null).a.column, 1);
  assert.deepEqual(pairs.pairFor(3, {column: 2, row: 5}, {column: 1, row: 0}).a, {column: 1, row: 0});
  assert.equal(pairs.pairFor(1, {column: 0, row: 0}, null).a.column, 0);
});

test('turning goes round, and never shows an image beside itself', () => {
  const all = {rows: 4, columns: 3};
  const pair = {a: {column: 0, row: null}, b: {column: 2, row: 3}};
  assert.deepEqual(pairs.turned(pair, all, {down: 1}).b, {column: 2, row: 0});
  const across = pairs.turned(pair, all, {across: 1});
  assert.deepEqual([across.a.column, across.b.column], [2, 0]);
  assert.deepEqual(pairs.swapped(pair), {a: {column: 2, row: null}, b: {column: 0, row: 3}});
  assert.equal(pairs.rowOf(pair.a, pair.b), 3);
});

test('arrow keys, Home and End go round in a group', () => {
  assert.deepEqual(
    ['ArrowRight', 'ArrowLeft', 'Home', 'End', 'x'].map((key) => turn(key, 2, 3)),
    [0, 1, 0, 2, null],
  );
});

test('an address names a comparison and its part, the usual one not', () => {
  assert.deepEqual(insideParts('1-a/vote'), {id: '1-a', part: 'vote'});
  assert.deepEqual(insideParts(''), {id: '', part: ''});
  assert.equal(insideText('1-a', 'images', 'images'), '1-a');
  assert.equal(insideText('1-a', 'vote', 'images'), '1-a/vote');
  assert.equal(insideText('', 'vote', 'images'), '');
});
