// The draft of a form: Python keeps it on disk whenever a person has changed something, and puts it back
// when the form is first shown. Owns: when. Refuses to know: what a form holds.
import {call} from './calls.js';
import {onEdits} from './edits.js';
import {Hold} from './hold.js';

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
  hold.end(token);
  form(name).resolve();
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
