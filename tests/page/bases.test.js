// What the dialog for adding a base says, and errors that become messages.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {amount, headLength, offerText, refusedFile, sendText} from '../../studio/ui/static/scripts/bases/base_words.js';
import {partsOfToast} from '../../studio/ui/static/scripts/core/toasts.js';

const GB = 1e9;

test('a repository says its size, what is here already, and its licence', () => {
  const found = {bytes: 4 * GB, missing: 1 * GB, files: 12, licence: 'openrail++'};
  assert.equal(offerText(found), '4.00 GB in 12 files, 3.00 GB of them are here already. Licence: openrail++.');
  assert.match(offerText({...found, missing: 4 * GB}), /^4\.00 GB in 12 files\. Licence/);
  assert.match(offerText({...found, missing: 0}), /^All of it is on this machine\./);
  assert.match(offerText({...found, licence: ''}), /Licence: not stated/);
});

test('how far a transfer is', () => {
  assert.equal(amount(1.5e9, 3e9), '1.50 GB of 3.00 GB (50 %)');
  assert.equal(amount(3e9, 3e9), '3.00 GB of 3.00 GB (100 %)');
});

test('a file that cannot be sent is refused before any of it is read', () => {
  const about = {largest: 16 * GB, free: 2 * GB};
  assert.equal(refusedFile({name: 'a.safetensors', size: GB}, about), '');
  assert.match(refusedFile({name: 'a.ckpt', size: GB}, about), /Only \.safetensors/);
  assert.match(refusedFile({name: 'A.SAFETENSORS', size: 20 * GB}, about), /at most 16\.00 GB/);
  assert.match(refusedFile({name: 'a.safetensors', size: 3 * GB}, about), /room for 2\.00 GB/);
  assert.match(sendText(about), /at most 16\.00 GB; there is room for 2\.00 GB/);
});

test('the header of a file is as long as its first eight bytes say', () => {
  const eight = (length) => {
    const data = new DataView(new ArrayBuffer(8));
    data.setBigUint64(0, BigInt(length), true);
    return data.buffer;
  };
  assert.equal(headLength(eight(92), 1000), 100);
  assert.equal(headLength(eight(1e15), 1000), 0, 'longer than what is looked at');
  assert.equal(headLength(new ArrayBuffer(3), 1000), 3);
});

test('an error of an event keeps its parts, and a message of the framework stays its own', () => {
  const lines = ['It failed', 'Because.', 'Try again.'].map((text, place) => ({text, bold: place === 0}));
  assert.deepEqual(partsOfToast(lines), {what: 'It failed', why: 'Because.', remedy: 'Try again.'});
  assert.equal(partsOfToast([{text: 'Connection errored out.', bold: false}]), null);
  assert.equal(partsOfToast([]), null);
});
