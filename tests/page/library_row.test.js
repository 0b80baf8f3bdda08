// A row of the library, and what it says where the mouse rests on it.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import './fake_dom.js';

const {libraryRow} = await import('../../studio/ui/static/scripts/generate/library_row.js');
const {formatDay} = await import('../../studio/ui/static/scripts/core/format.js');

const CARD = {
  path: '/models/adapters/deep/fox.safetensors',
  where: 'adapters/deep/fox.safetensors',
  title: 'Fox',
  kind: 'lora',
  family_title: 'SD 1.x',
  trigger: 'zorp',
  size: 2_500_000,
  modified: 1_700_000_000,
  sample: false,
  problem: null,
};
const library = {family: 'SD 1.x', shared: new Set(), previews: new Map()};
const row = (more = {}, inside = {}) => libraryRow({...CARD, ...more}, {...library, ...inside});
const chip = (node) => node.find((one) => one.className.includes('sh-sample'));

test('a row says the day of its file, and its tooltip the path, the size and how it is used', () => {
  const node = row();
  const day = formatDay(CARD.modified);
  assert.match(day, /\b2023\b/, 'of another year');
  assert.equal(node.find((one) => one.className === 'st-meta').textContent, `LoRASD 1.x“zorp”${day}`);
  const [path, facts, use] = node.attributes.title.split('\n');
  assert.deepEqual([path, facts], [CARD.path, `2.5 MB, ${day}`]);
  assert.match(use, /^Drag onto a stack/);
});

test('what ships with the studio has a chip', () => {
  assert.equal(chip(row()), null);
  const found = chip(row({sample: true}));
  assert.equal(found.textContent, 'sample');
  assert.equal(found.attributes.title, 'Ships with the studio');
});

test('where it is stands beside a title that others have', () => {
  const where = (node) => node.find((one) => one.className.includes('sh-where'))?.textContent.trim();
  assert.equal(where(row()), undefined);
  assert.equal(where(row({}, {shared: new Set(['fox'])})), 'deep/fox');
});

test('what does not fit says so instead of its facts, and keeps its path', () => {
  const node = row({}, {family: 'SDXL'});
  const said = 'Made for SD 1.x; this base is SDXL.';
  assert.match(node.className, /is-unfit/);
  assert.equal(node.find((one) => one.className === 'sh-problem').textContent, said);
  assert.equal(node.attributes.title, `${said}\n${CARD.path}`);
});
