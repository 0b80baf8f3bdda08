// The folded part of a stack card: strength on the text, the part of the sampling, block weights.
// Refuses to know: the card around it. Block weights are checked by Python, which knows the base.
import {call, partsOf} from '../core/calls.js';
import {el} from '../core/dom.js';
import {tables} from '../core/tables.js';
import {noteLine} from './stack_notes.js';
import {LEAST, MOST, tidyStrength} from './strength.js';

const BACKWARDS = {
  what: 'It must begin before it ends',
  remedy: 'Both lie between 0 (the first step) and 1 (the last).',
};
const BLOCKS_TITLE =
  'Factors per block: BASE (text encoder), IN00 …, M00, OUT00 …; IN and OUT mean a whole side. ' +
  'Or one number per block, in order.';

const blocksText = (blocks) =>
  Object.entries(blocks || {})
    .map(([name, factor]) => `${name}=${factor}`)
    .join(', ');

/** What differs from the usual, in a few words. */
function summary(item) {
  const {start = 0, end = 1, text_strength: text} = item;
  const words = [
    (text ?? null) !== null && `text × ${text}`,
    (start !== 0 || end !== 1) && `steps ${start}–${end}`,
    Object.keys(item.blocks || {}).length > 0 && 'block weights',
  ];
  return words.filter(Boolean).join(' · ');
}

function numberInput(label, title, more) {
  return el('input.cs-input.st-number', {type: 'number', step: 0.05, 'aria-label': label, title, ...more});
}

/** {node, sync(item, kind)}; `patch(fields)` is told what was written. */
export function moreView(patch, stack) {
  let refused = false; // what is written in the field of block weights
  const text = numberInput(
    'Strength on the text encoder',
    'Strength on the text encoder; empty uses the same strength',
    {min: LEAST, max: MOST, placeholder: 'same'},
  );
  const from = numberInput('Acts from this part of the steps', '0 is the first step, 0.5 half-way', {
    min: 0,
    max: 0.99,
  });
  const to = numberInput('Acts until this part of the steps', '1 is the last step', {min: 0.01, max: 1});
  const blocks = el('input.cs-input.st-blocks', {
    type: 'text',
    'aria-label': 'Block weights',
    placeholder: 'IN04=0.5, OUT=0.8',
    spellcheck: 'false',
    title: BLOCKS_TITLE,
  });
  const trouble = el('div.st-notes', {role: 'alert'});
  const state = el('span.cs-small.cs-muted');

  function say(parts) {
    const words = parts ? [parts.what, parts.why, parts.remedy].filter(Boolean).join(' · ') : '';
    trouble.replaceChildren(...(words ? [noteLine('warn', words)] : []));
  }
  text.addEventListener('change', () =>
    patch({text_strength: text.value === '' ? null : tidyStrength(Number(text.value))}),
  );
  function range() {
    const start = from.value === '' ? 0 : Number(from.value);
    const end = to.value === '' ? 1 : Number(to.value);
    const right = start >= 0 && end <= 1 && start < end;
    say(right ? null : BACKWARDS);
    if (right) patch({start, end});
  }
  from.addEventListener('change', range);
  to.addEventListener('change', range);
  blocks.addEventListener('change', async () => {
    refused = true; // until it has been read
    try {
      const answer = await call(stack.server.check_blocks({text: blocks.value, base: stack.props.base}));
      refused = false;
      say(null);
      patch({blocks: answer.blocks});
    } catch (error) {
      say(partsOf(error, 'This could not be checked'));
    }
  });

  const textRow = el('label', {}, el('span', {}, 'Text encoder'), text);
  const until = [el('span', {}, 'to'), to, el('span.cs-muted', {}, 'of 1')];
  const rangeRow = el('div', {}, el('span', {}, 'Steps from'), from, until);
  const blocksRow = el('label.st-wide', {}, el('span', {}, 'Blocks'), blocks);
  const body = el('div.st-more-body', {}, textRow, rangeRow, blocksRow);
  const node = el('details.st-more', {}, el('summary', {}, 'More ', state), body, trouble);

  let shown = null; // the item that the fields hold
  function sync(item, kind) {
    // what is being typed is not overwritten because something else on the page moved
    const fill = (input, value) => {
      if (item !== shown || document.activeElement !== input) input.value = value;
    };
    const can = kind ? tables.kinds[kind] || {} : {with_text: true, ranged: true};
    textRow.hidden = !can.with_text;
    rangeRow.hidden = !can.ranged;
    blocksRow.hidden = !can.ranged;
    node.hidden = textRow.hidden && rangeRow.hidden;
    fill(text, item.text_strength ?? '');
    fill(from, String(item.start ?? 0));
    fill(to, String(item.end ?? 1));
    if (!refused) fill(blocks, blocksText(item.blocks));
    state.textContent = summary(item);
    shown = item;
  }
  return {node, sync};
}
