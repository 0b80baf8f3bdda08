// The head of a run: what its bar counts, and what the run says that it does.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import './fake_dom.js';

const {runHead} = await import('../../studio/ui/static/scripts/train/run_head.js');
const STATE = {run: '1', name: 'zorp', method: 'lora', base: 'tiny', state: 'running', step: 0, steps: 40};

/** What the head shows of a run in this state. */
function shown(more) {
  const {node, update} = runHead({});
  update({...STATE, ...more}, 'mine', {}, null, {});
  const bar = node.find((one) => one.attributes.role === 'progressbar');
  const aria = (name) => bar.getAttribute(`aria-${name}`);
  return {
    text: node.textContent,
    bar: [aria('label'), aria('valuenow'), aria('valuemax'), bar.children[0].style.width],
    title: node.find((one) => one.className === 'cs-run-title').textContent,
  };
}

test('class images and caching have the bar and the time left, then the steps have', () => {
  const preparing = {state: 'preparing', preparing: 'Generated 24 of 96 class images', prepared: [24, 96], eta: 93};
  const made = shown(preparing);
  assert.deepEqual(made.bar, ['Generated 24 of 96 class images', '24', '96', '25%']);
  assert.match(made.text, /Generated 24 of 96 class images…/);
  assert.match(made.text, /Time left1 min 33 s/);
  const read = shown({...preparing, preparing: 'Read 40 of 40 images', prepared: [40, 40]});
  assert.deepEqual(read.bar, ['Read 40 of 40 images', '40', '40', '100%'], 'as many as there are steps');
  assert.deepEqual(shown({prepared: [24, 96], step: 10}).bar, ['Steps', '10', '40', '25%']);
});

test('what it does besides steps is beside its state, and the bar is called so', () => {
  const finishing = shown({step: 40, doing: 'writing and checking the file'});
  assert.match(finishing.title, /writing and checking the file…/);
  assert.deepEqual(finishing.bar, ['writing and checking the file', '40', '40', '100%']);
  assert.doesNotMatch(shown({state: 'finished', step: 40, doing: 'samples'}).title, /samples/);
});
