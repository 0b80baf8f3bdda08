import assert from 'node:assert/strict';
import {test} from 'node:test';
import * as model from '../../studio/ui/static/scripts/generate/lanes.js';

const lane = (...paths) => ({name: '', prompt: '', stack: paths.map(model.newItem)});
const paths = (lanes) => lanes.map((one) => one.stack.map((item) => item.path).join(''));
const move = (lanes, from, path, to, index, copy = false) => model.moved(lanes, {from, path, to, index, copy});

test('a change leaves the lanes before it as they were', () => {
  const before = Object.freeze([lane('a', 'b'), lane('c')]);
  const text = JSON.stringify(before);
  model.withAdded(before, 0, 'x', 1);
  model.withItem(before, 0, 'a', {strength: 2});
  model.withoutItem(before, 0, 'a');
  move(before, 0, 'a', 1, 0);
  assert.equal(JSON.stringify(before), text);
});

test('files are added, changed and removed in one lane only', () => {
  const before = [lane('a', 'b'), lane('a')];
  assert.deepEqual(paths(model.withAdded(before, 0, 'x', 1)), ['axb', 'a']);
  assert.deepEqual(paths(model.withoutItem(before, 0, 'a')), ['b', 'a']);
  const after = model.withItem(before, 1, 'a', {strength: 0.5});
  assert.deepEqual([after[0].stack[0].strength, after[1].stack[0].strength], [1, 0.5]);
});

test('within a lane a place is counted before the file is taken out', () => {
  const lanes = [lane('a', 'b', 'c')];
  assert.deepEqual(paths(move(lanes, 0, 'a', 0, 3).lanes), ['bca']);
  assert.equal(move(lanes, 0, 'a', 0, 3).place, 2);
  assert.deepEqual(paths(move(lanes, 0, 'c', 0, 0).lanes), ['cab']);
  assert.deepEqual(paths(move(lanes, 0, 'a', 0, 2, true).lanes), ['bac']); // no copy within a lane
});

test('a file that stays where it is, or is not there, moves nothing', () => {
  const lanes = [lane('a', 'b')];
  for (const index of [0, 1]) assert.equal(move(lanes, 0, 'a', 0, index), null);
  assert.equal(move(lanes, 0, 'x', 0, 0), null);
});

test('between lanes a file is moved, or copied with its settings', () => {
  const lanes = [lane('a', 'b'), lane('c')];
  assert.deepEqual(paths(move(lanes, 0, 'b', 1, 0).lanes), ['a', 'bc']);
  const strong = model.withItem(lanes, 0, 'a', {blocks: {IN00: 0.5}});
  const {lanes: copied, place} = move(strong, 0, 'a', 1, 1, true);
  assert.deepEqual(paths(copied), ['ab', 'ca']);
  assert.equal(place, 1);
  assert.deepEqual(copied[1].stack[1].blocks, {IN00: 0.5});
  assert.notEqual(copied[1].stack[1].blocks, copied[0].stack[0].blocks);
});

test('trigger words are those of files that are on, each once', () => {
  const known = new Map([
    ['a', {trigger: 'korvu'}],
    ['b', {trigger: 'korvu'}],
    ['c', {trigger: ''}],
    ['d', {trigger: 'zorp'}],
  ]);
  const [one] = model.withItem([lane('a', 'b', 'c', 'd', 'e')], 0, 'd', {enabled: false});
  assert.deepEqual(model.triggersOf(one, known), ['korvu']);
});

test('an effect is that of a file among those that are on', () => {
  const [both] = [lane('a', 'b')];
  const [off] = model.withItem([both], 0, 'b', {enabled: false});
  assert.notEqual(model.effectKey(both, 'a'), model.effectKey(off, 'a'));
  assert.equal(model.effectKey(off, 'a'), model.effectKey(lane('a'), 'a'));
  const [weak] = model.withItem([both], 0, 'b', {strength: 0.5});
  assert.notEqual(model.effectKey(both, 'a'), model.effectKey(weak, 'a'));
});

const KINDS = {
  hypernetwork: {title: 'Hypernetwork', order: 'chain'},
  embedding: {title: 'Embedding', order: 'word'},
  lora: {title: 'LoRA'},
};

test('where the order of cards counts, it is said', () => {
  const known = new Map([
    ['a', {kind: 'hypernetwork'}],
    ['b', {kind: 'hypernetwork'}],
    ['c', {kind: 'embedding', trigger: 'zorp'}],
    ['d', {kind: 'embedding', trigger: 'zorp'}],
    ['e', {kind: 'lora'}],
    ['f', {kind: 'lora'}],
  ]);
  const {stack} = lane('a', 'b', 'c', 'd', 'e', 'f');
  const notes = stack.map((item) => model.orderNote(item, stack, known, KINDS));
  assert.match(notes[1], /hypernetwork 2 of 2/);
  assert.match(notes[2], /Not used/);
  assert.match(notes[3], /this last one is used/);
  assert.deepEqual([notes[4], notes[5]], [null, null]);
  const alone = lane('a', 'c').stack;
  assert.deepEqual(
    alone.map((item) => model.orderNote(item, alone, known, KINDS)),
    [null, null],
  );
});

test('only whole lanes come back from a browser’s memory', () => {
  const lanes = [lane('a'), lane()];
  assert.deepEqual(model.remembered(JSON.stringify(lanes), 6), lanes);
  const broken = [
    null,
    'no JSON',
    '[]',
    '{}',
    '[{"name": 1, "prompt": "", "stack": []}]',
    '[{"name": "", "prompt": "", "stack": [{"file": "a"}]}]',
    JSON.stringify([lane()]), // one empty lane is nothing to come back to
    JSON.stringify(Array(7).fill(lane('a'))),
  ];
  for (const text of broken) assert.equal(model.remembered(text, 6), null, text);
});
