import assert from 'node:assert/strict';
import {test} from 'node:test';
import * as mask from '../../studio/ui/static/scripts/core/mask_strokes.js';

const image = {path: '/a.png', width: 400, height: 200};
const brush = {size: 20, erase: false};

test('a point of the window becomes one of the image, however large it is shown', () => {
  const box = {left: 100, top: 50, width: 200, height: 100};
  assert.deepEqual(mask.onImage({x: 100, y: 50}, box, image), [0, 0]);
  assert.deepEqual(mask.onImage({x: 200, y: 100}, box, image), [200, 100]);
  assert.deepEqual(mask.onImage({x: 300, y: 150}, box, image), [400, 200]);
});

test('strokes grow and are undone without changing what was there before', () => {
  const first = Object.freeze(mask.begun([], brush, [1, 2]));
  const longer = mask.extended(first, [3, 4]);
  assert.deepEqual(longer, [{size: 20, erase: false, points: [[1, 2], [3, 4]]}]); // biome-ignore format: short
  assert.equal(first[0].points.length, 1);
  const both = mask.begun(longer, {size: 5, erase: true}, [9, 9]);
  assert.deepEqual(mask.undone(both), longer);
  assert.deepEqual(mask.undone(mask.undone(both)), []);
  assert.deepEqual(mask.undone([]), []);
});

test('the size of the brush stays between one pixel and half the image', () => {
  assert.equal(mask.usualSize(image), 25);
  assert.equal(mask.usualSize({width: 3, height: 2}), 1);
  assert.equal(mask.steppedSize(100, 1, image), 100);
  assert.equal(mask.steppedSize(1, -1, image), 1);
  assert.equal(mask.steppedSize(12, 1, image), 14);
});

test('nothing is sent while nothing is marked', () => {
  const strokes = mask.begun([], brush, [1, 2]);
  const how = {fresh: false, stack: null};
  assert.equal(mask.sentMask(image, [], how), '');
  assert.equal(mask.sentMask(null, strokes, how), '');
  assert.deepEqual(JSON.parse(mask.sentMask(image, strokes, how)), {image: '/a.png', ...how, strokes});
});

test('a mask that was brought is sent without strokes, and is read as it was set', () => {
  const how = {fresh: true, stack: [{path: 'x'}], file: {path: '/mask.png', image: {}}};
  const sent = mask.sentMask(image, [], how);
  assert.deepEqual(JSON.parse(sent), {
    image: '/a.png',
    fresh: true,
    stack: [{path: 'x'}],
    strokes: [],
    file: '/mask.png',
  });
  assert.deepEqual(mask.readMask(sent), JSON.parse(sent));
  assert.deepEqual(mask.readMask('{"image": "/a.png", "fresh": false}'), {
    image: '/a.png',
    fresh: false,
    stack: null,
    strokes: [],
    file: '',
  });
  for (const nothing of ['', null, 'no json']) assert.equal(mask.readMask(nothing), null);
});

test('white of a mask is coloured and black of it is not there', () => {
  const pixels = [255, 255, 255, 255, 0, 0, 0, 255];
  mask.tinted(pixels, [1, 2, 3]);
  assert.deepEqual(pixels, [1, 2, 3, 255, 1, 2, 3, 0]);
});
