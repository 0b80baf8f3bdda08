import assert from 'node:assert/strict';
import {test} from 'node:test';
import {partsText, progressText} from '../../studio/ui/static/scripts/caption/export_words.js';
import * as rules from '../../studio/ui/static/scripts/caption/learnt_rules.js';

const ROWS = [
  {file: 'b.png', learnt: 0.4, worth: -0.031, never: true, changed: false},
  {file: 'a.png', learnt: 0.2, worth: 0.3, never: false, changed: false},
];

test('the least learnt come first, and what was not measured comes last in its order', () => {
  const items = ['a.png', 'x.png', 'b.png', 'y.png'].map((file) => ({file}));
  assert.deepEqual(
    rules.inOrder(items, ROWS).map(({file}) => file),
    ['b.png', 'a.png', 'x.png', 'y.png'],
  );
  assert.equal(items[0].file, 'a.png', 'the list itself stays as it is');
});

test('figures read as shares, with a real minus, and a dash where captions are alike', () => {
  assert.equal(rules.worthText(ROWS[0]), '−3 %');
  assert.equal(rules.learntText(ROWS[1]), '20 %');
  assert.equal(rules.worthText({worth: -0.001}), '0 %');
  assert.equal(rules.worthText({worth: null}), '–');
  assert.equal(rules.hasWorth({rows: ROWS}), true);
  assert.equal(rules.hasWorth({rows: [{worth: null}]}), false);
});

test('an image says why it is marked, and that a caption was changed since', () => {
  assert.match(rules.titleOf(ROWS[0]), /mislabelled/);
  assert.match(rules.titleOf(ROWS[1]), /30 %.*20 %/);
  assert.match(rules.titleOf({...ROWS[0], changed: true}), /changed after/);
});

test('the run and how many of the images it speaks of are named', () => {
  const found = {name: 'mine', run: 'r', step: 250, measured: 64, images: 900};
  assert.match(rules.sourceText(found), /“mine”, step 250: 64 of 900 images/);
  assert.match(rules.sourceText({...found, name: '', measured: 900}), /“r”, step 250: 900 images/);
});

test('an export says what it will hold', () => {
  const plan = {images: 12, held_out: 3, masks: 1, files: 31, bytes: 1.2e6};
  assert.equal(partsText(plan), '12 images, 3 held out, 1 mask: 31 files, 1.2 MB');
  assert.equal(partsText({...plan, held_out: 0, masks: 0, images: 1}), '1 image: 31 files, 1.2 MB');
  assert.equal(progressText({done: 3, total: 31}), '3 of 31 files');
});
