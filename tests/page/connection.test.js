// While the studio does not answer, one question is repeated, with growing pauses.
import assert from 'node:assert/strict';
import {mock, test} from 'node:test';

import './fake_dom.js';

const away = await import('../../studio/ui/static/scripts/core/connection.js');
const settled = () => new Promise((next) => setImmediate(next));
const banners = () => document.body.children.length;

/** Lets the time pass second by second; the seconds at which something was asked. */
async function secondsAsked(seconds, asked) {
  const found = [];
  for (let second = 1; second <= seconds; second += 1) {
    const before = asked();
    mock.timers.tick(1000);
    await settled();
    for (let one = before; one < asked(); one += 1) found.push(second);
  }
  return found;
}

test('many failures are one question, which is asked less and less often until it is answered', async () => {
  mock.timers.enable({apis: ['setTimeout']});
  let asked = 0;
  let answers = false;
  away.connectionLost();
  assert.equal(away.isLost(), false, 'nobody to ask yet');
  away.watchConnection(async () => {
    asked += 1;
    if (!answers) throw new Error('no answer');
  });
  for (let part = 0; part < 20; part += 1) away.connectionLost();
  const said = [];
  away.onceConnected(() => said.push('now'));
  assert.deepEqual([away.isLost(), banners(), asked], [true, 1, 0]);
  assert.deepEqual(await secondsAsked(60, () => asked), [1, 3, 7, 15, 30, 45, 60]);
  away.connectionLost(); // somebody else notices in between: no second series begins
  answers = true;
  assert.deepEqual(await secondsAsked(40, () => asked), [15]);
  assert.deepEqual([away.isLost(), banners(), said], [false, 0, ['now']]);
  assert.equal(document.body.dataset.away, undefined);
});

test('a question without an answer is not asked again on top of itself', async () => {
  let asked = 0;
  let answer = null;
  away.watchConnection(() => {
    asked += 1;
    return new Promise((next) => {
      answer = next;
    });
  });
  away.connectionLost();
  assert.deepEqual(await secondsAsked(30, () => asked), [1], 'and the pauses begin anew');
  answer();
  await settled();
  assert.equal(away.isLost(), false);
});
