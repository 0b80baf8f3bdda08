// The draft of a form: Python keeps it on disk whenever a person has changed something, and puts it back
// when the form is first shown. Owns: when. Refuses to know: what a form holds.
import {call} from './calls.js';
import {onEdits} from './edits.js';
import {Hold} from './hold.js';

const HIDDEN = 1000; // milliseconds; a browser tab that nobody looks at draws no frames

const forms = {};

function form(name) {
  if (!forms[name]) {
    const one = {};
    one.restored = new Promise((resolve) => (one.resolve = resolve));
    forms[name] = one;
  }
  return forms[name];
}

/** Fulfilled once the form `name` holds what it was left with: what another tab brings comes after that. */
export const restored = (name) => form(name).restored;

/** Puts back what was kept, if anything was, by `ask()`; meanwhile the fields of `hold` wait. */
export async function restore({props, server, watch}, name, hold, ask) {
  const token = hold.begin();
  if (!props.restored && (await wasKept(server))) {
    ask();
    await new Promise((resolve) => {
      watch('restored', () => props.restored && resolve());
      watch('refused', resolve);
    });
  }
  await settled();
  hold.end(token);
  form(name).resolve();
}

/** Gradio tells a field that has just been put on the page what it holds one frame later. */
function settled() {
  const frames = new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  return Promise.race([frames, new Promise((resolve) => setTimeout(resolve, HIDDEN))]);
}

async function wasKept(server) {
  try {
    return await call(server.kept(null));
  } catch {
    return true; // the form asks itself, and a person is told why there is no answer
  }
}

export function mount(part) {
  const tab = part.element.closest('.tabitem');
  onEdits(tab, () => part.trigger('edited'));
  restore(part, part.props.form, new Hold(tab), () => part.trigger('restore'));
  part.element.querySelector('.cs-draft').dataset.begun = 'yes'; // until now the fields were not shown
}
