import assert from 'node:assert/strict';
import {test} from 'node:test';
import {expectedRows} from '../../studio/ui/static/scripts/train/preflight_rows.js';
import {answerOf} from '../../studio/ui/static/scripts/train/start_words.js';

test('Start says what keeps it from starting, and where', () => {
  const told = answerOf({errors: ['No rank.', 'No base.'], about: {'No rank.': 'options.rank'}});
  assert.equal(told.kind, 'error');
  assert.equal(told.parts.what, 'Nothing was started. No rank.');
  assert.match(told.parts.why, /^And 1 more thing/);
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
