import assert from 'node:assert/strict';
import {test} from 'node:test';

globalThis.location = {hostname: 'localhost'};
globalThis.document = {querySelectorAll: () => []}; // no notice is shown
const {hand, receive} = await import('../../studio/ui/static/scripts/core/handover.js');

/** Messages that wait would keep this process alive for the time after which the page says so. */
const real = globalThis.setTimeout;
globalThis.setTimeout = (...given) => real(...given).unref();

test('what is handed over early is taken once, in order, with its answer', async () => {
  const answers = [hand('early', 1), hand('early', 2)];
  const taken = [];
  receive('early', async (payload) => {
    await null;
    taken.push(payload);
    return payload * 10;
  });
  answers.push(hand('early', 3));
  assert.deepEqual(await Promise.all(answers), [10, 20, 30]);
  assert.deepEqual(taken, [1, 2, 3]);
});

test('a part that is made anew takes what comes from then on', async () => {
  const [first, second] = [[], []];
  receive('anew', (payload) => void first.push(payload));
  await hand('anew', 'a');
  receive('anew', (payload) => void second.push(payload));
  await hand('anew', 'b');
  assert.deepEqual([first, second], [['a'], ['b']]);
});
