// Beside the prompt: its tokens, prompts used before, wildcards. Owns: reading and writing the text boxes.
// Refuses to know: what tokens are.
import {attempt, call} from '../core/calls.js';
import {labelled} from '../core/icons.js';
import {menuButton} from '../core/menu.js';
import {poll} from '../core/timing.js';
import {withWord} from '../core/words.js';
import {historyButton, stepThrough} from './prompt_history.js';
import {countsText} from './prompt_list.js';

const LOOK_EVERY = 600; // milliseconds; texts also change without an event
const TITLE = 'Tokens, of those that fit the text encoder at once; more become further chunks';
const NO_WILDCARDS = 'No wildcards yet: text files in the workspace’s folder “wildcards”, one choice a line';

export function mount({element, props, server}) {
  const box = (id) => document.querySelector(`#${id} textarea, #${id} input`);
  const textOf = (id) => box(id)?.value || '';
  const count = element.querySelector('.pt-count');
  let counted = '';
  count.title = TITLE;

  function write(id, text) {
    const area = box(id);
    if (!area || text === undefined) return;
    area.value = text;
    area.dispatchEvent(new Event('input', {bubbles: true}));
  }
  function pick(pair) {
    write(props.prompt, pair.prompt);
    write(props.negative, pair.negative);
    box(props.prompt)?.focus();
  }
  function insert(name) {
    write(props.prompt, withWord(textOf(props.prompt), `__${name}__`));
    box(props.prompt)?.focus();
  }
  async function look() {
    const asked = {base: props.base, prompt: textOf(props.prompt), negative: textOf(props.negative)};
    const key = JSON.stringify(asked);
    if (key === counted) return;
    const {counts} = await call(server.prompt_tokens(asked));
    if (!counts) return; // the engine is being loaded
    counted = key;
    count.textContent = countsText(counts);
    count.classList.toggle(
      'is-over',
      counts.some((one) => one.room > 75),
    );
  }

  const ask = () => attempt(() => call(server.prompts_before({})));
  const forget = (pair) => attempt(() => call(server.forget_prompt(pair)));
  const open = labelled('undo', 'History', null, '.cs-quiet.pt-history');
  open.title = 'Prompts used before; Alt + ↑ and ↓ in the prompt go through them';
  const entries = async () => {
    const files = (await attempt(() => call(server.wildcards({})))) || [];
    return files.length ? files.map((name) => [`__${name}__`, () => insert(name)]) : [[NO_WILDCARDS, () => {}]];
  };
  const wild = menuButton('Insert a wildcard', entries);
  element.querySelector('.pt-buttons').append(historyButton(open, ask, {pick, forget}), wild);
  stepThrough(() => box(props.prompt), ask, pick);
  poll(element, look, LOOK_EVERY);
}
