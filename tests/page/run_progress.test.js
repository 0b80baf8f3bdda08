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

test('a notification names the run, its end and the reason', () => {
  assert.deepEqual(endedText({...RUN, reason: 'The disk is full.'}, 'failed'), {
    title: 'zorp: failed',
    body: 'The disk is full.',
  });
  assert.equal(endedText(RUN, 'finished').body, 'Step 420 of 1000.');
});
