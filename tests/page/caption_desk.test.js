import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import './fake_dom.js';
import {meaningOf} from '../../studio/ui/static/scripts/caption/big_keys.js';
import {fragmentAt, offers} from '../../studio/ui/static/scripts/caption/completion_rules.js';
import {DiskWatch} from '../../studio/ui/static/scripts/caption/disk_watch.js';
import {leadsTo} from '../../studio/ui/static/scripts/caption/grid_keys.js';
import {Saving} from '../../studio/ui/static/scripts/caption/saving.js';
import {hasTag, TagIndex, toggleTag} from '../../studio/ui/static/scripts/caption/tag_index.js';
import {tokenWords} from '../../studio/ui/static/scripts/caption/tokens.js';
import {hasTrigger} from '../../studio/ui/static/scripts/caption/trigger.js';

const CASES = JSON.parse(readFileSync(new URL('../caption/filter_cases.json', import.meta.url)));

test('whether a caption has its trigger, as in Python', () => {
  for (const [caption, word, has] of CASES.triggers) assert.equal(hasTrigger(caption, word), has, `${caption} ${word}`);
});

test('tags are counted while captions change', () => {
  const index = new TagIndex();
  index.sync({file: '1', caption: 'red, Dark  Red, red'});
  index.sync({file: '2', caption: 'RED'});
  const told = () => index.all().map(({tag, count}) => `${tag} ${count}`);
  assert.deepEqual(told(), ['red 2', 'Dark Red 1']);
  index.sync({file: '2', caption: 'RED'});
  assert.deepEqual(told(), ['red 2', 'Dark Red 1']);
  index.sync({file: '1', caption: 'blue'});
  assert.deepEqual(told(), ['blue 1', 'red 1']);
  assert.deepEqual(
    index.found('LU').map(({tag}) => tag),
    ['blue'],
  );
  index.sync({file: '1', caption: ''});
  assert.equal(index.size, 1);
});

test('a quick tag goes in at the end and out wherever it is', () => {
  assert.equal(toggleTag('', 'red'), 'red');
  assert.equal(toggleTag('a cat, blue', 'red'), 'a cat, blue, red');
  assert.equal(toggleTag('a cat, Red , blue', 'red'), 'a cat, blue');
  assert.ok(hasTag('a, RED', 'red') && !hasTag('dark red', 'red'));
});

test('the tag at the caret is completed, and nothing inside of a text', () => {
  const at = (text) => {
    const caret = text.indexOf('|');
    const found = fragmentAt(text.replace('|', ''), caret);
    return found && `${found.text}@${found.start}`;
  };
  assert.equal(at('re|'), 're@0');
  assert.equal(at('a, da|, b'), 'da@3');
  assert.equal(at('a,\n da|\nb'), 'da@4');
  assert.equal(at('r|'), null);
  assert.equal(at('猫|'), '猫@0');
  assert.equal(at('re|d'), null);
  assert.equal(at('a, |'), null);
});

test('the likeliest tags are offered, none that is there already', () => {
  const tags = ['red', 'red hat', 'dark red', 'reddish', 'x'.repeat(80)].map((tag) => ({tag, key: tag, count: 1}));
  const offered = (value, text) => {
    const start = value.lastIndexOf(text);
    const {exact, tags: found} = offers(tags, {text, start, end: start + text.length}, value);
    return [exact, ...found.map(({tag}) => tag)];
  };
  assert.deepEqual(offered('re', 're'), [false, 'red', 'red hat', 'reddish']);
  assert.deepEqual(offered('red', 'red'), [true, 'red hat', 'reddish', 'dark red']);
  assert.deepEqual(offered('red hat, RED', 'RED'), [true, 'reddish', 'dark red']);
  assert.deepEqual(offered('xx', 'xx'), [false]);
});

test('where the keys lead in a grid', () => {
  const lead = (key, at) => leadsTo(key, at, {length: 11, columns: 4, rows: 2});
  assert.deepEqual([lead('ArrowRight', 0), lead('ArrowRight', 10), lead('ArrowLeft', 0)], [1, 10, 0]);
  assert.deepEqual([lead('ArrowDown', 1), lead('ArrowDown', 7), lead('ArrowDown', 9)], [5, 10, 9]);
  assert.deepEqual([lead('ArrowUp', 9), lead('ArrowUp', 2)], [5, 2]);
  assert.deepEqual([lead('PageDown', 0), lead('PageDown', 3), lead('PageUp', 10)], [8, 10, 2]);
  assert.deepEqual([lead('Home', 5), lead('End', 5), lead('x', 5)], [0, 10, null]);
  assert.equal(leadsTo('End', 0, {length: 0, columns: 4, rows: 2}), null);
});

test('what the keys of the big view mean, and that writing is left alone', () => {
  const means = (key, writes, more = {}) => meaningOf({key, ...more}, writes);
  assert.deepEqual(means('ArrowLeft', false), ['go', -1]);
  assert.equal(means('ArrowLeft', true), null);
  assert.deepEqual(means('PageDown', true), ['go', 1]);
  assert.deepEqual(means('Enter', true, {ctrlKey: true}), ['go', 1]);
  assert.deepEqual(means('Enter', true, {metaKey: true, shiftKey: true}), ['go', -1]);
  assert.deepEqual(means('3', false), ['quick', 3]);
  assert.equal(means('3', true), null);
  assert.deepEqual(means('³', true, {code: 'Digit3', altKey: true}), ['quick', 3]);
  assert.equal(means('?', true), null);
  assert.deepEqual(means('?', false, {shiftKey: true}), ['help', 0]);
  assert.equal(means('c', false, {ctrlKey: true}), null);
});

test('tokens in words', () => {
  assert.deepEqual(tokenWords(undefined, 75).text, '');
  assert.deepEqual(
    [tokenWords(75, 75).long, tokenWords(76, 75).long, tokenWords(900, null).long],
    [false, true, false],
  );
  assert.match(tokenWords(151, 75).title, /3 chunks of 75/);
});

/** A server of one caption, whose answers come when they are let through. */
function server(caption) {
  const disk = {caption, lost: false};
  const sent = [];
  const saving = new Saving({
    save: async (_item, text, before) => {
      sent.push([before, text]);
      await Promise.resolve();
      if (disk.gone) return {gone: true};
      if (disk.caption !== before && disk.caption !== text) return {changed: disk.caption};
      disk.caption = text;
      if (disk.lost) throw Object.assign(new Error('lost'), {parts: {kind: 'Away', what: 'lost'}});
      return {saved: true};
    },
    said: () => {},
    stored: () => {},
  });
  const item = {file: '1.png', caption, seen: caption};
  return {disk, sent, saving, item};
}

test('what is typed while a caption is on its way is sent after it', async () => {
  const {disk, sent, saving, item} = server('a');
  saving.typed(item, 'ab');
  const first = saving.store(item);
  saving.typed(item, 'abc');
  await Promise.all([first, saving.store(item)]);
  assert.deepEqual(sent, [
    ['a', 'ab'],
    ['ab', 'abc'],
  ]);
  assert.deepEqual([disk.caption, item.seen, saving.has(item)], ['abc', 'abc', false]);
});

test('a caption that somebody else wrote is not overwritten before a person has chosen', async () => {
  for (const [mine, wanted] of [
    [true, 'mine'],
    [false, 'theirs'],
  ]) {
    const {disk, saving, item} = server('a');
    disk.caption = 'theirs';
    saving.typed(item, 'mine');
    await saving.store(item);
    assert.deepEqual([disk.caption, item.conflict, item.caption, item.said.kind], ['theirs', 'theirs', 'mine', 'bad']);
    await saving.store(item);
    assert.equal(disk.caption, 'theirs', 'nor when it is tried again');
    await saving.settle(item, mine);
    assert.deepEqual([disk.caption, item.caption, item.seen, item.conflict], [wanted, wanted, wanted, undefined]);
  }
});

test('an answer that was lost is no other person', async () => {
  const {disk, saving, item} = server('a');
  disk.lost = true;
  saving.typed(item, 'ab');
  await saving.store(item);
  disk.lost = false;
  saving.typed(item, 'abc');
  await saving.store(item);
  assert.deepEqual([disk.caption, item.conflict, item.seen], ['abc', undefined, 'abc']);
});

test('words for an image that is gone stay in the page', async () => {
  const {disk, saving, item} = server('a');
  disk.gone = true;
  saving.typed(item, 'ab');
  await saving.store(item);
  assert.deepEqual([item.gone, item.caption, saving.has(item)], [true, 'ab', true]);
});

test('what changed on disk is shown, or said where somebody is writing', () => {
  const {saving, item} = server('a');
  const outdated = [];
  const grid = {items: [item], copies: new Map([['1.png', {stamp: '1'}]]), outdated: (file) => outdated.push(file)};
  const watch = Object.assign(Object.create(DiskWatch.prototype), {saving, grid});
  watch.take(item, {caption: 'b', stamp: '1'});
  assert.deepEqual([item.caption, item.seen, item.said.text], ['b', 'b', 'Changed on disk']);
  watch.take(item, {caption: 'b', stamp: '2'});
  assert.deepEqual([outdated, item.said.text], [['1.png'], 'Image changed']);
  watch.take(item, {gone: true});
  assert.ok(item.gone);
  watch.take(item, undefined);
  assert.ok(!item.gone);
  saving.typed(item, 'mine');
  watch.take(item, {caption: 'c', stamp: '1'});
  assert.deepEqual([item.caption, item.conflict], ['mine', 'c']);
  saving.settle(item, false);
});
