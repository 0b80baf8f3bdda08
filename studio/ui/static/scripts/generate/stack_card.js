// One card of the adapter stack: strength, switch, order, what the adapter did. The stack hands it
// what is known of the file and does what its buttons ask for; it refuses to know the lane it is in.
import {ADAPTER, adapterFacts, adapterThumb} from '../core/adapters.js';
import {el, isOn} from '../core/dom.js';
import {fileName} from '../core/format.js';
import {icon, iconButton} from '../core/icons.js';
import {menuButton} from '../core/menu.js';
import {tables} from '../core/tables.js';
import {clamp} from '../core/values.js';
import {showInside} from './inside.js';
import {orderNote} from './lanes.js';
import {moreView} from './stack_more.js';
import {effectNotes, fileNotes} from './stack_notes.js';
import {LEAST, MOST, tidyStrength} from './strength.js';

const SLIDER = {min: -1, max: 2, step: 0.05};
const MOST_STEPS = 100;
const STEPS_TITLE =
  'Tuning steps per prompt: more is stronger, and further from the prompt; empty takes the file’s own, or 5';
const GRIP_TITLE = 'Drag to reorder, or into another lane; with Ctrl or Alt a copy (keys: Alt + arrows)';
const ASK_TITLE = 'Generates the first image with and without this file, and says by how much it differs';

/** Slider and number of one strength; `patch(fields)` is told what was chosen. */
function strengthInputs(patch) {
  const slider = el('input.st-slider', {type: 'range', ...SLIDER});
  const number = el('input.cs-input.st-number', {type: 'number', min: LEAST, max: MOST, step: SLIDER.step});
  const paint = () => {
    const share = (Number(slider.value) - SLIDER.min) / (SLIDER.max - SLIDER.min);
    slider.style.setProperty('--fill', `${share * 100}%`);
  };
  slider.addEventListener('input', () => {
    number.value = Number(slider.value).toFixed(2);
    paint();
  });
  slider.addEventListener('change', () => patch({strength: tidyStrength(Number(slider.value))}));
  slider.addEventListener('dblclick', () => patch({strength: 1}));
  number.addEventListener('change', () =>
    patch(number.value === '' ? {} : {strength: tidyStrength(Number(number.value))}),
  );
  return {slider, number, paint};
}

/** Tuning steps of an aesthetic embedding; `item()` is what is on the stack now. */
function stepsInput(item, patch) {
  const attributes = {type: 'number', min: 0, max: MOST_STEPS, step: 1, placeholder: 'own', title: STEPS_TITLE};
  const input = el('input.cs-input.st-number', {...attributes, 'aria-label': 'Steps per prompt'});
  input.addEventListener('change', () => {
    const {steps, ...others} = item().aesthetic || {};
    const count = Math.round(clamp(Number(input.value), 0, MOST_STEPS));
    patch({aesthetic: input.value === '' ? others : {...others, steps: count}});
  });
  return input;
}

/** Dragging a card, and the keys that do the same. */
function moveable(node, path, lane, stack) {
  // A slider or a button inside a draggable card must not start a card drag.
  node.addEventListener('mousedown', (event) => {
    node.draggable = !event.target.closest('input, button, details');
  });
  node.addEventListener('mouseup', () => {
    node.draggable = true;
  });
  node.addEventListener('dragstart', (event) => {
    event.dataTransfer.setData(ADAPTER, JSON.stringify({path, from: stack.props.target, lane}));
    event.dataTransfer.effectAllowed = 'copyMove';
    node.classList.add('is-dragged');
  });
  node.addEventListener('dragend', () => {
    node.classList.remove('is-dragged');
    node.draggable = true;
  });
  node.addEventListener('keydown', (event) => {
    if (event.key === 'Delete' && event.target === node) {
      stack.remove(lane, path);
      return;
    }
    const copy = event.ctrlKey || event.metaKey;
    const action = {
      ArrowUp: () => stack.step(lane, path, -1),
      ArrowDown: () => stack.step(lane, path, 1),
      ArrowLeft: () => stack.shift(lane, path, -1, copy),
      ArrowRight: () => stack.shift(lane, path, 1, copy),
    }[event.key];
    if (!event.altKey || !action) return;
    action();
    event.preventDefault();
  });
}

/** The buttons at the top right. */
function cardTools(path, lane, stack) {
  const toggle = el('button.cs-switch', {
    type: 'button',
    role: 'switch',
    onclick: () => stack.patch(lane, path, {enabled: !isOn(toggle)}),
  });
  const stepper = (name, label, by) => {
    const press = () => {
      stack.step(lane, path, by);
      button.focus();
    };
    const button = iconButton(name, label, press, '.st-step');
    return button;
  };
  const up = stepper('up', 'Move up', -1);
  const down = stepper('down', 'Move down', 1);
  const close = iconButton('close', 'Remove from the stack', () => stack.remove(lane, path));
  const elsewhere = (k) => [
    [`Move to ${stack.laneName(k)}`, () => stack.move(lane, path, k, undefined, false)],
    [`Copy to ${stack.laneName(k)}`, () => stack.move(lane, path, k, undefined, true)],
  ];
  const more = menuButton('What can be done with this card', () => [
    ['What is in this file', () => showInside(path, stack)],
    ['Measure its effect', () => stack.effects.measure(lane, path)],
    ...stack.lanes.flatMap((_, k) => (k === lane ? [] : elsewhere(k))),
    ['Move up', () => stack.step(lane, path, -1)],
    ['Move down', () => stack.step(lane, path, 1)],
  ]);
  return {node: el('div.st-tools', {}, toggle, up, down, more, close), toggle, up, down};
}

/** The button that stops a measurement. */
function stopButton(stop) {
  const button = el('button.st-stop', {type: 'button', hidden: true}, 'Stop measuring');
  button.addEventListener('click', () => {
    button.disabled = true;
    stop();
  });
  return button;
}

/** The card of file `path` in lane number `lane`: {node, sync}. */
export function cardView(path, lane, stack) {
  let item = {};
  let shown = '';
  const patch = (fields) => stack.patch(lane, path, fields);
  const strength = strengthInputs(patch);
  const stepsNumber = stepsInput(() => item, patch);
  const tools = cardTools(path, lane, stack);
  const badge = el('span.st-place.cs-number', {'aria-hidden': 'true'});
  const head = el('div.st-head');
  const words = el('div.st-words');
  const notes = el('div.st-notes');
  const stop = stopButton(() => stack.effects.stop());
  const folded = moreView(patch, stack);
  const steps = el('label.st-text', {hidden: true}, 'steps', stepsNumber);
  const body = el(
    'div.st-body',
    {},
    el('div.st-top', {}, head, tools.node),
    words,
    el('div.st-strength', {}, el('span', {}, 'Strength'), strength.slider, strength.number, steps),
    folded.node,
    notes,
    stop,
  );
  const grip = el('span.st-grip', {title: GRIP_TITLE}, badge, icon('grip'));
  const node = el('li.st-card', {draggable: 'true', tabindex: 0}, grip, body);
  moveable(node, path, lane, stack);

  function renderFacts(facts, report, effect, order) {
    const title = el('div.st-title', {}, el('b', {title: `${facts.name}\n${path}`}, facts.name), adapterFacts(facts));
    const trigger = [el('span.cs-small.cs-muted', {}, 'Trigger'), el('span.cs-chip', {}, facts.trigger)];
    head.replaceChildren(adapterThumb(facts), title);
    words.replaceChildren(...(facts.trigger ? trigger : []));
    const onclick = () => stack.effects.measure(lane, path);
    const question = facts.problem || report?.problem ? 'Why? Look at its layers' : 'Measure its effect';
    const ask = el('button.st-ask', {type: 'button', title: ASK_TITLE, onclick}, question);
    notes.replaceChildren(
      ...(effect?.difference === null ? [] : fileNotes(facts, report, order)),
      ...effectNotes(effect),
      ...(effect || facts.loading ? [] : [ask]),
    );
    strength.slider.setAttribute('aria-label', `Strength of ${facts.name}`);
    strength.number.setAttribute('aria-label', `Strength of ${facts.name} as a number`);
    tools.toggle.setAttribute('aria-label', `Use ${facts.name}`);
    steps.hidden = !tables.kinds[facts.kind]?.tuned;
  }

  function sync(next, index, items) {
    // what is being typed is not overwritten because something else on the page moved
    const fill = (input, value) => {
      if (next !== item || document.activeElement !== input) input.value = value;
    };
    const facts = stack.known.get(path) || {name: fileName(path), loading: true};
    const report = stack.props.reports?.[path];
    const effect = stack.effects.of(lane, path);
    const order = orderNote(next, items, stack.known, tables.kinds);
    const key = JSON.stringify([facts, report, effect, order]);
    if (key !== shown) {
      shown = key;
      renderFacts(facts, report, effect, order);
    }
    stop.hidden = !effect?.running;
    if (stop.hidden) stop.disabled = false;
    tools.toggle.setAttribute('aria-checked', String(next.enabled));
    tools.toggle.title = next.enabled ? 'On: switch it off' : 'Off: switch it on';
    tools.up.disabled = index === 0;
    tools.down.disabled = index === items.length - 1;
    fill(strength.slider, String(next.strength));
    fill(strength.number, Number(next.strength).toFixed(2));
    fill(stepsNumber, next.aesthetic?.steps ?? '');
    folded.sync(next, facts.kind);
    item = next;
    badge.textContent = String(index + 1);
    node.classList.toggle('is-off', !next.enabled);
    node.setAttribute('aria-label', `${facts.name}, place ${index + 1} of ${items.length}`);
    strength.paint();
  }
  return {node, sync};
}
