import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import * as geometry from '../../studio/ui/static/scripts/caption/prepare_geometry.js';

const cases = JSON.parse(readFileSync(new URL('./prepare_cases.json', import.meta.url)));
const near = (one, other, within = 1e-6) => assert.ok(Math.abs(one - other) < within, `${one} is not ${other}`);
const nearAll = (some, others, within) => {
  assert.equal(some.length, others.length);
  for (const [at, value] of some.entries()) near(value, others[at], within);
};
const SIZE = [960, 640];
const {EMPTY} = geometry;

test('sizes, crops and buckets are those of training', () => {
  for (const {size, recipe, resolution, multiple, ...wanted} of cases) {
    const frame = geometry.frameOf(size, recipe);
    assert.deepEqual(frame, wanted.frame);
    assert.deepEqual(geometry.pixelsOf(recipe.crop, frame), wanted.box);
    const crop = geometry.sizeOf(size, recipe);
    const bucket = geometry.bucketFor(crop, resolution, multiple);
    assert.deepEqual(bucket, wanted.bucket);
    near(geometry.lost(crop, bucket), wanted.lost);
    near(geometry.enlarged(crop, bucket), wanted.enlarged);
  }
});

test('halves go to the even number, as Python rounds', () => {
  assert.deepEqual([0.5, 1.5, 2.5, 3.5, 2.4].map(geometry.rounded), [0, 2, 2, 4, 2]);
});

test('a place of the frame leads back to the image, however it is turned', () => {
  for (const {size, recipe} of cases) {
    const [a, b, c, d, e, f] = geometry.matrixOf(size, recipe);
    const point = [size[0] / 3, size[1] / 5];
    const there = [a * point[0] + c * point[1] + e, b * point[0] + d * point[1] + f];
    nearAll(geometry.toImage(there, [a, b, c, d, e, f]), point, 1e-6);
  }
  const [x, y] = geometry.toImage([0, 0], geometry.matrixOf(SIZE, {...EMPTY, turn: 90}));
  nearAll([x, y], [0, 640]); // what is at the top left after a turn was at the bottom left
});

test('turning and mirroring take the crop along', () => {
  const start = {...EMPTY, crop: [0.1, 0.2, 0.5, 0.9]};
  nearAll(geometry.quarter(start, 90).crop, [0.1, 0.1, 0.8, 0.5]);
  let recipe = geometry.mirrored(start);
  nearAll(recipe.crop, [0.5, 0.2, 0.9, 0.9]);
  for (let times = 0; times < 4; times += 1) recipe = geometry.quarter(recipe, 90);
  recipe = geometry.mirrored(recipe);
  assert.ok(geometry.same(recipe, start));
  assert.ok(geometry.same(geometry.quarter(geometry.quarter(start, 90), -90), start));
  assert.equal(geometry.quarter(geometry.mirrored(start), 90).turn, 270); // as seen, it turns the same way
  assert.equal(geometry.seenAngle(geometry.mirrored({...start, angle: 3})), -3);
});

test('a crop keeps inside, and keeps its shape where that is locked', () => {
  nearAll(geometry.moved([0.5, 0.5, 0.9, 0.9], [1, -1]), [0.6, 0, 1, 0.4]);
  nearAll(geometry.dragged([0, 0, 1, 1], 'nw', [0.25, 0.5], null, SIZE), [0.25, 0.5, 1, 1]);
  for (const handle of ['nw', 'ne', 'se', 'sw']) {
    for (const by of [
      [0.9, 0.1],
      [-0.9, 0.3],
      [0.05, -0.8],
      [0, 0],
    ]) {
      const [left, top, right, bottom] = geometry.dragged([0.3, 0.3, 0.5, 0.6], handle, by, 1, SIZE);
      near(((right - left) * 960) / ((bottom - top) * 640), 1);
      assert.ok(left > -1e-9 && top > -1e-9 && right < 1 + 1e-9 && bottom < 1 + 1e-9);
    }
  }
  nearAll(geometry.shaped([0, 0, 1, 1], 1, SIZE), [1 / 6, 0, 5 / 6, 1]);
  nearAll(geometry.grown([0, 0, 0.5, 0.5], 1), [0, 0, 1, 1]);
  const small = geometry.grown([0.4, 0.4, 0.42, 0.44], -0.9);
  assert.ok(small[2] - small[0] > 0.0199);
});

test('what a crop leads to is said in words', () => {
  const told = geometry.outcome([700, 700], EMPTY, {resolution: 1024, multiple: 64});
  assert.equal(geometry.outcomeWords(told), '700 × 700 px, trained at 1024 × 1024 · 0 % lost · enlarged 1.46 ×');
  const half = geometry.outcome(SIZE, {...EMPTY, crop: [0, 0, 0.5, 0.75]}, {resolution: 480, multiple: 16});
  near(half.lost, 1 - 0.375);
});
