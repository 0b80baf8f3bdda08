import assert from 'node:assert/strict';
import {beforeEach, mock, test} from 'node:test';
import {recall, remember} from '../../studio/ui/static/scripts/core/memory.js';
import {ownValue} from '../../studio/ui/static/scripts/core/own_value.js';
import {debounce, poll} from '../../studio/ui/static/scripts/core/timing.js';

beforeEach(() => mock.timers.reset());

/** A component of Gradio's as far as a value needs one; frames come when `frame()` says. */
function fakePart(value) {
  const frames = [];
  globalThis.requestAnimationFrame = (action) => frames.push(action);
  const watchers = [];
  const sent = [];
  const part = {
    props: {value},
    watch: (_name, action) => watchers.push(action),
    trigger: (name, data) => sent.push([name, data]),
  };
  return {
    part,
    sent,
    fromPython(next) {
      part.props.value = next;
      for (const action of watchers) action();
    },
    frame() {
      for (const action of frames.splice(0)) action();
    },
  };
}

test('many questions in a row become one, with the newest arguments', () => {
  mock.timers.enable({apis: ['setTimeout']});
  const asked = [];
  const ask = debounce((text) => asked.push(text), 100);
  for (const text of ['a', 'ab', 'abc']) {
    ask(text);
    mock.timers.tick(50);
  }
  assert.deepEqual(asked, []);
  mock.timers.tick(50);
  assert.deepEqual(asked, ['abc']);
});

test('a part is asked for while it is in view, and left alone when it is gone', async () => {
  const clocks = new Map();
  globalThis.setInterval = (action) => {
    clocks.set(clocks.size + 1, action);
    return clocks.size;
  };
  globalThis.clearInterval = (clock) => clocks.delete(clock);
  globalThis.location = {hostname: 'localhost'};
  globalThis.document = {hidden: false};
  const element = {isConnected: true, offsetParent: {}};
  let looks = 0;
  poll(element, async () => {
    looks += 1;
  });
  const tick = async () => {
    await new Promise((next) => setImmediate(next)); // the look before has ended
    for (const action of [...clocks.values()]) action();
    return looks;
  };
  assert.equal(looks, 1); // at once
  assert.equal(await tick(), 2);
  globalThis.document.hidden = true;
  assert.equal(await tick(), 2);
  globalThis.document.hidden = false;
  element.offsetParent = null;
  assert.equal(await tick(), 2);
  element.offsetParent = {};
  assert.equal(await tick(), 3);
  element.isConnected = false;
  assert.equal(await tick(), 3);
  assert.equal(clocks.size, 0);
});

test('what Python says again while a tab is being made does not undo what the part took', () => {
  const {part, sent, fromPython, frame} = fakePart(['told']);
  let news = 0;
  const setValue = ownValue(part, () => {
    news += 1;
  });
  setValue(['own']);
  fromPython(['told']);
  assert.deepEqual(part.props.value, ['own']);
  assert.deepEqual(sent, [['input', ['own']]]);
  fromPython(['other']); // this is news, even now
  assert.equal(news, 1);
  frame();
  frame();
  setValue(['own']);
  fromPython(['told']);
  assert.equal(news, 2);
  assert.deepEqual(part.props.value, ['told']);
});

test('a value of our own is no news, and shares nothing with what was given', () => {
  const {part, fromPython} = fakePart(null);
  let news = 0;
  const setValue = ownValue(part, () => {
    news += 1;
  });
  const given = [{name: 'a'}];
  setValue(given);
  fromPython([{name: 'a'}]);
  assert.equal(news, 0);
  assert.notEqual(part.props.value[0], given[0]);
});

test('a browser that keeps nothing is no failure', () => {
  Object.defineProperty(globalThis, 'localStorage', {
    configurable: true,
    get() {
      throw new Error('denied');
    },
  });
  remember('browser', 'name', 'text');
  assert.equal(recall('browser', 'name'), null);
});
