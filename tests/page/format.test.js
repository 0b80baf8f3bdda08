import assert from 'node:assert/strict';
import {test} from 'node:test';
import {fileUrl} from '../../studio/ui/static/scripts/core/address.js';
import {
  compareNames,
  count,
  fileName,
  formatBytes,
  formatDuration,
  formatShare,
  formatTime,
  searchWords,
  shortNumber,
  shownEnd,
} from '../../studio/ui/static/scripts/core/format.js';
import {freeName} from '../../studio/ui/static/scripts/core/names.js';
import {progressText} from '../../studio/ui/static/scripts/core/progress.js';
import {clamp, clone, wrap} from '../../studio/ui/static/scripts/core/values.js';
import {lacksWord, withWord} from '../../studio/ui/static/scripts/core/words.js';

test('sizes change their unit at a thousand', () => {
  const sizes = [null, undefined, 0, 999, 1000, 999_499, 1e6, 1.25e9];
  assert.deepEqual(sizes.map(formatBytes), ['–', '–', '0 B', '999 B', '1 kB', '999 kB', '1.0 MB', '1.25 GB']);
});

test('durations are rounded first, so that no minute has 60 seconds', () => {
  const given = [null, Number.NaN, -1, 59.4, 59.6, 61, 3599.7, 3700, 360_000];
  const want = ['–', '–', '0 s', '59 s', '1 min 00 s', '1 min 01 s', '1 h 00 min', '1 h 01 min', '100 h 00 min'];
  assert.deepEqual(given.map(formatDuration), want);
});

test('a moment of today has no date', () => {
  const now = new Date(2026, 4, 3, 20, 0);
  const unix = (...parts) => new Date(...parts).getTime() / 1000;
  assert.equal(formatTime(0), '–');
  assert.doesNotMatch(formatTime(unix(2026, 4, 3, 8, 5), now), /May|Mai/);
  assert.notEqual(formatTime(unix(2026, 4, 3, 8, 5), now), formatTime(unix(2026, 4, 2, 8, 5), now));
});

test('names are ordered as people do', () => {
  assert.deepEqual(['b10', 'B2', 'a'].sort(compareNames), ['a', 'B2', 'b10']);
});

test('small texts', () => {
  assert.deepEqual([count(1, 'file'), count(2, 'file'), count(1, 'is', 'are')], ['1 file', '2 files', '1 is']);
  assert.deepEqual([fileName('a/b.png'), fileName('C:\\x\\y.pt'), fileName('z')], ['b.png', 'y.pt', 'z']);
  assert.deepEqual(searchWords('  Blue  CAT '), ['blue', 'cat']);
  assert.deepEqual([formatShare(0.0004), formatShare(0.1234)], ['less than 0.1 %', '12.3 %']);
  assert.deepEqual([0, 0.00012, 0.12345, 123456, null].map(shortNumber), ['0', '1.2e-4', '0.123', '1.2e+5', '–']);
});

test('a name that is taken gets the first free number', () => {
  assert.equal(freeName('Base', []), 'Base');
  assert.equal(freeName('Base', ['Base', 'Base 2', 'Base 4']), 'Base 3');
});

test('values', () => {
  const value = {a: [1, {b: 2}]};
  const copy = clone(value);
  copy.a[1].b = 3;
  assert.equal(value.a[1].b, 2);
  assert.equal(clone(undefined), null);
  assert.deepEqual([clamp(-1, 0, 5), clamp(9, 0, 5), clamp(3, 0, 5)], [0, 5, 3]);
  assert.deepEqual([wrap(-1, 3), wrap(3, 3), wrap(1, 3)], [2, 0, 1]);
});

test('addresses keep every character of a path', () => {
  assert.equal(fileUrl('/a b/ü#?.png', '/studio'), '/studio/gradio_api/file=/a%20b/%C3%BC%23%3F.png');
  assert.equal(fileUrl('C:\\x\\y.png', ''), '/gradio_api/file=C%3A/x/y.png');
  assert.equal(fileUrl('data:image/png;base64,AA=='), 'data:image/png;base64,AA==');
});

test('words are whole words, in any script', () => {
  assert.equal(lacksWord('a category', 'cat'), true);
  assert.equal(lacksWord('a Cat, sitting', 'cat'), false);
  assert.equal(lacksWord('кошки', 'кошка'), true);
  assert.equal(lacksWord('кошка спит', 'Кошка'), false);
  assert.equal(lacksWord('x a.b x', 'a.b'), false);
  assert.equal(lacksWord('x aXb x', 'a.b'), true);
});

test('a word is added as a prompt is written', () => {
  assert.equal(withWord('  ', 'korvu'), 'korvu');
  assert.equal(withWord('a cat ', 'korvu'), 'a cat, korvu');
  assert.equal(withWord('a cat,', 'korvu'), 'a cat, korvu');
});

test('progress says what is left once it can be known', () => {
  const running = (more) => progressText({state: 'running', total: 10, done: 0, seconds: 0, ...more}, () => '');
  assert.match(running({total: 0}), /^Preparing/);
  assert.equal(running({done: 1, seconds: 60}), '1 of 10');
  assert.equal(running({done: 5, seconds: 60}), '5 of 10 · about 1 min 00 s left');
  assert.equal(running({done: 5, seconds: 60, text: 'Step 5'}), 'Step 5 · about 1 min 00 s left');
});

test('progress says what there is when the work has ended', () => {
  const summary = () => '2 images';
  assert.equal(progressText(null, summary), '');
  assert.equal(progressText({state: 'failed'}, summary), '');
  assert.equal(progressText({state: 'finished', seconds: 9, result: {seconds: 4}}, summary), '2 images in 4 s');
  assert.match(progressText({state: 'cancelled', result: {images: []}}, summary), /2 images finished before/);
  assert.match(progressText({state: 'cancelled'}, summary), /What was finished before is kept/);
});

test('of what is too long the end is shown', () => {
  assert.equal(shownEnd('my-images-lora-2', 13), '…mages-lora-2');
  assert.equal(shownEnd('my-images-lora-2', 13).length, 13);
  assert.equal(shownEnd('zibbo', 13), 'zibbo');
});
