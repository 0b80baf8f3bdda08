// Prompts used before and counts of tokens, as values.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {countsText, matching, stepped} from '../../studio/ui/static/scripts/generate/prompt_list.js';

test('a search finds every word in either prompt', () => {
  const pairs = [
    {prompt: 'a Red cat', negative: ''},
    {prompt: 'a dog', negative: 'red'},
    {prompt: 'a fox', negative: ''},
  ];
  assert.deepEqual(matching(pairs, 'red'), pairs.slice(0, 2));
  assert.deepEqual(matching(pairs, 'dog RED'), [pairs[1]]);
  assert.deepEqual(matching(pairs, ' '), pairs);
});

test('going back ends at the oldest, going forth at what was written', () => {
  assert.equal(stepped(-1, 1, 3), 0);
  assert.equal(stepped(2, 1, 3), 2);
  assert.equal(stepped(0, -1, 3), -1);
  assert.equal(stepped(-1, -1, 3), -1);
  assert.equal(stepped(-1, 1, 0), -1);
});

test('counts are told as so many of so many', () => {
  const count = (tokens, room = 75, varies = false) => ({tokens, room, varies});
  assert.equal(countsText([count(12), count(0)]), '12 / 75 tokens');
  assert.equal(countsText([count(80, 150), count(3)]), '80 / 150 tokens · negative 3 / 75 tokens');
  assert.equal(countsText([count(12, null, true), count(0)]), 'about 12 tokens');
  assert.equal(countsText([{problem: 'There is no wildcard “x”'}, count(0)]), 'There is no wildcard “x”');
});
