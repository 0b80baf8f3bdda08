import assert from 'node:assert/strict';
import {test} from 'node:test';
import * as words from '../../studio/ui/static/scripts/compare/report_words.js';

const outlook = (more = {}) => ({
  images: 24,
  missing: 0,
  columns: 2,
  rows: 12,
  bytes: 1_300_000,
  archive: 4_200_000,
  ...more,
});

test('what a report will hold is said before it is made', () => {
  assert.deepEqual(words.outlookRows(outlook()), [
    ['Images', '24 (2 columns × 12 rows)'],
    ['Report', 'one file, about 1.3 MB, readable without a network'],
    ['Zip', 'about 4.2 MB'],
  ]);
  const [[, images], , [, zip]] = words.outlookRows(outlook({missing: 1, archive: 90e6}));
  assert.match(images, /1 image is not there any more/);
  assert.match(zip, /too large for most mail/);
});

test('the files of a comparison have addresses below it, whatever it is called', () => {
  assert.equal(words.fileAddress('2026 ä/..?#', 'sheet.png'), 'comparisons/2026%20%C3%A4%2F..%3F%23/sheet.png');
});

test('only what was really changed is sent', () => {
  const kept = {question: 'Which?', notes: ''};
  assert.equal(words.differs({question: 'Which? ', notes: '\n'}, kept), false);
  assert.equal(words.differs({question: 'Which?', notes: 'a'}, kept), true);
});
