import assert from 'node:assert/strict';
import {test} from 'node:test';
import {expectedRows} from '../../studio/ui/static/scripts/train/preflight_rows.js';
import {betterText, changesOf, FIELDS, textOf} from '../../studio/ui/static/scripts/train/resume_rules.js';
import {answerOf} from '../../studio/ui/static/scripts/train/start_words.js';

test('Start says what keeps it from starting, and where', () => {
  const told = answerOf({errors: ['No rank.', 'No base.'], about: {'No rank.': 'options.rank'}});
  assert.equal(told.kind, 'error');
  assert.equal(told.parts.why, 'No rank.');
  assert.match(told.parts.remedy, /^And 1 more thing/);
  assert.equal(told.key, 'options.rank');
});

test('Start says whether the run begins or waits', () => {
  assert.equal(answerOf({}), null);
  assert.equal(answerOf({run: 'a'}).parts.what, 'Training has started');
  assert.equal(answerOf({run: 'a', before: 2}).parts.what, 'Queued: it begins after 2 runs');
});

test('what a run will take is said always, and is called an estimate until it was measured', () => {
  const expected = {
    source: 'runs',
    runs: 2,
    seconds: 300,
    memory: 2e9,
    disk: 5e7,
    class_images: 96,
    class_seconds: 180,
  };
  assert.deepEqual(expectedRows(expected), [
    ['Time', 'about 5 min 00 s without samples, estimated from 2 runs here'],
    ['Before that', '96 class images, about 3 min 00 s, once'],
    ['Memory', 'about 2.00 GB, estimated'],
    ['Disk', 'about 50.0 MB with checkpoints, estimated'],
  ]);
  const measured = expectedRows({...expected, class_images: 0}, {seconds: 1});
  assert.deepEqual(
    measured.map(([label]) => label),
    ['Disk'],
  );
  assert.deepEqual(expectedRows(null), []);
});

test('only what was changed goes with a run that is resumed', () => {
  const config = {
    train: {learning_rate: 0.001, steps: 300},
    sample: {every: '50 steps', prompts: ['a', 'b']},
    save: {every: '100 steps'},
  };
  const texts = Object.fromEntries(FIELDS.map(([key]) => [key, textOf(config, key)]));
  assert.deepEqual(changesOf(config, texts), {});
  const other = {...texts, 'train.learning_rate': '5e-4', 'sample.prompts': 'a\n\n c '};
  assert.deepEqual(changesOf(config, other), {'train.learning_rate': 0.0005, 'sample.prompts': ['a', 'c']});
});

test('after NaN the main button says what will be other', () => {
  assert.equal(betterText({'train.learning_rate': '0.0005'}, null), 'Start again with rate 0.0005');
  assert.equal(betterText({'train.learning_rate': '0.0005'}, 20), 'Resume with rate 0.0005');
  assert.equal(betterText({precision: 'fp32'}, 20), 'Resume with precision fp32');
});
