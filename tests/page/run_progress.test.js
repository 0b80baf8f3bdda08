import assert from 'node:assert/strict';
import {test} from 'node:test';
import {endedText, runText, runTitle} from '../../studio/ui/static/scripts/core/run_progress.js';

const RUN = {run: '1-zorp', name: 'zorp', state: 'running', step: 420, steps: 1000, eta: 200};

test('the title says how far a run is before it says which one', () => {
  assert.equal(runTitle(RUN, 'Studio'), '42 % · step 420 of 1000 · 3 min 20 s left · zorp');
  assert.equal(runTitle(null, 'Studio'), 'Studio');
});

test('what is not known yet is left out', () => {
  assert.equal(runText({...RUN, eta: null}), 'zorp: 42 % · step 420 of 1000');
  assert.equal(runText({...RUN, name: '', state: 'preparing', step: 0, eta: null}), '1-zorp: preparing');
  assert.equal(runText({...RUN, state: 'paused'}), 'zorp: 42 % · step 420 of 1000 · paused');
});

test('what is counted before the first step is said with the time it takes', () => {
  const made = {...RUN, state: 'preparing', step: 0, eta: 93, preparing: 'Generated 3 of 96 class images'};
  assert.equal(runTitle(made, 'Studio'), 'generated 3 of 96 class images · 1 min 33 s left · zorp');
  assert.equal(runText({...made, step: 420}), 'zorp: generated 3 of 96 class images · 1 min 33 s left', 'resumed');
});

test('what a run does besides steps is said instead of the time left', () => {
  const doing = (more) => runTitle({...RUN, ...more}, 'Studio');
  assert.equal(doing({step: 0, doing: 'validation before the first step'}), 'validation before the first step · zorp');
  assert.equal(doing({doing: 'samples'}), '42 % · step 420 of 1000 · samples · zorp');
  const written = 'writing and checking the file';
  assert.equal(doing({step: 1000, eta: null, doing: written}), `${written} · step 1000 of 1000 · zorp`);
  assert.equal(doing({state: 'stopping', doing: written}), `42 % · step 420 of 1000 · ${written} · zorp`);
  assert.equal(doing({state: 'paused', doing: written}), '42 % · step 420 of 1000 · paused · zorp');
});

test('a notification names the run, its end and the reason', () => {
  assert.deepEqual(endedText({...RUN, reason: 'The disk is full.'}, 'failed'), {
    title: 'zorp: failed',
    body: 'The disk is full.',
  });
  assert.equal(endedText(RUN, 'finished').body, 'Step 420 of 1000.');
});
