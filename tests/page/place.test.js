import assert from 'node:assert/strict';
import {test} from 'node:test';
import {placeOf, placeText} from '../../studio/ui/static/scripts/core/place_text.js';

test('an address names a tab and what is open in it', () => {
  for (const [tab, inside] of [
    ['train', '20260131-120000-my zibbo'],
    ['caption', '/home/me/ä/100 %'],
    ['compare', ''],
    ['compare', '20260131-shapes/measures'],
  ])
    assert.deepEqual(placeOf(placeText(tab, inside)), {tab, inside});
  assert.equal(placeText('train', '1-zorp'), '#train/1-zorp');
  assert.equal(placeText('compare', '1 a/vote'), '#compare/1%20a/vote');
});

test('an address that says nothing usable leads nowhere', () => {
  assert.deepEqual(placeOf(''), {tab: '', inside: ''});
  assert.deepEqual(placeOf('#'), {tab: '', inside: ''});
  assert.deepEqual(placeOf('#train/100%'), {tab: 'train', inside: ''});
});
