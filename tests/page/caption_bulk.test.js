import assert from 'node:assert/strict';
import {test} from 'node:test';
import * as words from '../../studio/ui/static/scripts/caption/bulk_words.js';

test('a step without what it needs does nothing', () => {
  assert.equal(words.isIdle({needs: ['find']}, {find: ' ', by: 'x'}), true);
  assert.equal(words.isIdle({needs: ['find']}, {find: 'a', by: ''}), false);
  assert.equal(words.isIdle({needs: []}, {}), false);
});

test('several captions and their weights are lines, as often as they count', () => {
  const text = 'a cat\r\n\n the dog \na cat';
  assert.deepEqual(words.weightsOf(text), [
    ['a cat', 2],
    ['the dog', 1],
  ]);
  assert.equal(words.textOf(words.weightsOf(text)), 'a cat\na cat\nthe dog');
  assert.equal(words.captionsIn(text), 2);
  assert.equal(words.captionsIn(''), 0);
  const odd = [
    ['two\nlines', 1.6],
    ['gone', 0],
    ['  ', 3],
    ['minus', -1],
    ['none', Number.NaN],
  ];
  assert.equal(words.textOf(odd), 'two lines\ntwo lines');
  assert.equal(words.textOf([['many', 1e9]]).split('\n').length, 100);
});

test('what would become several captions is counted before', () => {
  const items = [{caption: 'a\nb'}, {caption: 'a\n\n'}, {caption: ''}];
  assert.equal(words.linesText(items, false), ' (1 caption has several lines now)');
  assert.equal(words.linesText(items, true), '');
  assert.equal(words.linesText(items.slice(1), false), '');
});

test('a past change says who, what, how many, and what became of it', () => {
  const change = {what: 'described', by: 'WD tagger', says: [], time: 1, replaced: 2, added: 1, undone: null, kept: 0};
  assert.match(words.pastWords(change)[0], /3 captions described by WD tagger$/);
  assert.deepEqual(words.pastWords(change)[1], []);
  const back = {...change, what: 'edited', by: '', says: ['Remove repeats'], undone: 2, kept: 1};
  const [what, more] = words.pastWords(back);
  assert.match(what, /3 captions edited$/);
  assert.equal(more[0], 'Remove repeats');
  assert.match(more[1], /^Taken back .*; 1 caption changed since stayed$/);
});
