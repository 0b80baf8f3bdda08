// One lane of the stack: heading, prompt of its own, ordered cards, where things may be dropped.
// The stack does what its buttons ask for; it refuses to know the other lanes.
import {ADAPTER} from '../core/adapters.js';
import {bringsFiles, el} from '../core/dom.js';
import {gapAt, markGap} from '../core/gaps.js';
import {icon, iconButton} from '../core/icons.js';
import {tables} from '../core/tables.js';
import {lacksWord, withWord} from '../core/words.js';
import {EMPTY_LANE, triggersOf} from './lanes.js';
import {cardView} from './stack_card.js';

const ALONE = ['The base alone', 'Drop adapter files here, or drag cards from other lanes.'];
const ONLY = [
  'Drop adapter files here',
  'or add them from the library below. They are applied from top to bottom; ' +
    'a generated image dropped here brings its settings back.',
];
const OWN_PROMPT = 'Prompt of this lane; empty takes the prompt of all';
const TAKES_ALL = 'This lane takes the prompt of all lanes';

const isAdapter = (event) => [...event.dataTransfer.types].includes(ADAPTER);
const copies = (event) => event.ctrlKey || event.altKey || event.metaKey;

function dragged(event) {
  try {
    return JSON.parse(event.dataTransfer.getData(ADAPTER));
  } catch {
    return null;
  }
}

/** Files, cards and rows of the library that are dropped on `lane.node` go into lane `at`. */
function takeDrops(stack, at, {node, list, over}) {
  const wanted = (event) => bringsFiles(event) || isAdapter(event);
  node.addEventListener('dragover', (event) => {
    if (!wanted(event)) return;
    event.preventDefault();
    const ours = stack.element.querySelector('.st-card.is-dragged');
    event.dataTransfer.dropEffect = ours && !copies(event) ? 'move' : 'copy';
    over(true);
    markGap(list, gapAt(list, event));
  });
  node.addEventListener('dragleave', (event) => {
    if (!node.contains(event.relatedTarget)) over(false);
  });
  node.addEventListener('drop', (event) => {
    const index = gapAt(list, event);
    over(false);
    if (!wanted(event)) return;
    event.preventDefault();
    stack.focused(at);
    if (event.dataTransfer.files.length) {
      stack.intake.take([...event.dataTransfer.files], at, index);
      return;
    }
    const item = dragged(event);
    if (!item) return;
    if (item.from === stack.props.target) stack.move(item.lane, item.path, at, index, copies(event));
    else stack.add(item.path, at, index);
  });
}

/** Heading of a lane: its name, its own prompt, copy, remove. */
function laneHead(stack, at, turnPrompt) {
  const name = el('input.cs-input.st-name', {
    maxlength: 60,
    'aria-label': `Name of lane ${at + 1}`,
    onchange: () => stack.patchLane(at, {name: name.value.trim()}),
  });
  const words = iconButton('text', 'A prompt of its own for this lane', turnPrompt);
  const twin = iconButton('copy', 'Duplicate this lane', () => stack.addLane(at + 1, at));
  const close = iconButton('close', 'Remove this lane', () => stack.removeLane(at));
  const number = el('span.st-number-of.cs-number', {'aria-hidden': 'true'}, at + 1);
  return {node: el('div.st-lanehead', {}, number, name, words, twin, close), name, words, twin, close};
}

/** Lane `at` of the stack: {node, sync, flash, over, focus}. */
export function laneView(at, stack) {
  const cards = new Map();
  let lane = EMPTY_LANE;
  let asked = false; // for a prompt of its own, before anything is written
  const head = laneHead(stack, at, turnPrompt);
  const own = el('textarea.cs-input.st-own', {
    rows: 2,
    'aria-label': `Prompt of lane ${at + 1}`,
    placeholder: OWN_PROMPT,
    onchange: () => stack.patchLane(at, {prompt: own.value.trim()}),
  });
  const chips = el('div.st-chips');
  const list = el('ol.st-cards', {'aria-label': 'Adapter stack'});
  const hint = el('div.st-hint');
  const zone = el('div.st-zone', {}, hint, list);
  const focused = () => stack.focused(at);
  const node = el('section.st-column', {onfocusin: focused, onmousedown: focused}, head.node, own, chips, zone);

  function turnPrompt() {
    asked = !asked && !lane.prompt;
    if (!asked && lane.prompt) stack.patchLane(at, {prompt: ''}, TAKES_ALL);
    sync(lane, true, true);
    if (asked) own.focus();
  }
  function over(on) {
    zone.classList.toggle('is-over', on);
    if (!on) markGap(list, -1);
  }
  function flash(path) {
    const card = cards.get(path)?.node;
    if (!card) return;
    card.scrollIntoView({block: 'nearest', inline: 'nearest'});
    card.classList.remove('is-new');
    void card.offsetWidth; // restarts the animation
    card.classList.add('is-new');
    const {activeElement} = document;
    if (activeElement === document.body || stack.element.contains(activeElement)) card.focus({preventScroll: true});
  }
  function offerWords() {
    const text = lane.prompt || stack.prompt();
    const missing = triggersOf(lane, stack.known).filter((word) => lacksWord(text, word));
    const chip = (word) => {
      const onclick = () =>
        stack.patchLane(at, {prompt: withWord(text, word)}, `${word} added to the prompt of this lane`);
      const attributes = {type: 'button', title: 'Add it to this lane’s prompt', onclick};
      return el('button.cs-button.pw-word', attributes, icon('plus', 12), word);
    };
    const lead = missing.length ? [el('span.cs-small.cs-muted', {}, 'Not in the prompt yet:')] : [];
    chips.replaceChildren(...lead, ...missing.map(chip));
  }
  function syncHead(many) {
    const name = stack.laneName(at);
    head.node.hidden = !many;
    if (document.activeElement !== head.name || !many) head.name.value = name;
    head.close.title = `Remove ${name}`;
    own.hidden = !lane.prompt && !(many && asked);
    if (document.activeElement !== own) own.value = lane.prompt;
    head.words.setAttribute('aria-pressed', String(!own.hidden));
    head.words.title = lane.prompt ? 'Back to the prompt of all lanes' : 'A prompt of its own for this lane';
    head.twin.disabled = stack.lanes.length >= tables.limits.lanes;
    for (const part of [node, list]) part.setAttribute('aria-label', many ? `Adapters of ${name}` : 'Adapter stack');
  }
  function syncCards() {
    for (const [path, card] of cards) {
      if (lane.stack.some((item) => item.path === path)) continue;
      card.node.remove();
      cards.delete(path);
    }
    for (const [index, item] of lane.stack.entries()) {
      if (!cards.has(item.path)) cards.set(item.path, cardView(item.path, at, stack));
      const card = cards.get(item.path);
      if (list.children[index] !== card.node) list.insertBefore(card.node, list.children[index] || null);
      card.sync(item, index, lane.stack);
    }
  }
  function sync(next, many, isCurrent) {
    lane = next;
    node.classList.toggle('is-current', many && isCurrent);
    zone.classList.toggle('is-empty', !lane.stack.length);
    syncHead(many);
    if (many) offerWords();
    else chips.replaceChildren();
    const [title, text] = many ? ALONE : ONLY;
    hint.replaceChildren(el('b', {}, title), text);
    syncCards();
  }

  takeDrops(stack, at, {node, list, over});
  function focus() {
    head.name.focus();
    node.scrollIntoView({block: 'nearest', inline: 'nearest'});
  }
  return {node, sync, flash, over, focus};
}
