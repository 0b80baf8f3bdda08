// What competes in a shootout, and under which budget, as the form shows it. Owns: how these parts look.
// Refuses to know: the server, where the form is kept (`set` and `setMethod` are handed in).
import {el, fillOptions} from '../core/dom.js';
import {icon, iconButton, labelled} from '../core/icons.js';
import {turned} from '../core/turning.js';
import * as rules from './shootout_rules.js';

const EXAMPLE = 'options.rank=2, train.learning_rate=1e-3';

/** The card of a method: whether it competes, with which preset, in which variants. `setMethod(name, changes,
 *  render)` changes that. */
export function methodCard(method, {choices, form, setMethod}) {
  const family = choices.bases.find((base) => base.name === form.base)?.family;
  const fitting = rules.presetsOf(choices, form, method.name);
  const reason = method.unsupported[family] || (fitting.length ? '' : 'There is no preset for this base.');
  const {on, preset, variants} = rules.methodOf(choices, form, method.name);
  const switched = {
    type: 'button',
    role: 'checkbox',
    'aria-checked': on && !reason,
    disabled: Boolean(reason),
    title: method.summary,
    'data-method': method.name,
    onclick: () => setMethod(method.name, {on: !on}),
  };
  const tick = el('span.so-tick', {'aria-hidden': 'true'}, icon('check', 12));
  const head = el('button.so-method', switched, tick, el('b', {}, method.title));
  if (reason || !on) return el('div.so-card-method', {}, head, reason && el('span.cs-small.cs-muted', {}, reason));
  const chosen = el('select.cs-input', {'aria-label': `Preset of ${method.title}`});
  fillOptions(
    chosen,
    fitting.map((one) => [one.name, one.title]),
    preset,
  );
  chosen.addEventListener('change', () => setMethod(method.name, {preset: chosen.value}));
  const add = labelled(
    'plus',
    'Variants…',
    () => setMethod(method.name, {variants: [...variants, '']}),
    '.cs-quiet.so-more-button',
  );
  add.setAttribute('aria-label', `Add a variant of ${method.title}`);
  const rows =
    variants.length > 1 || variants[0]
      ? variants.map((_, at) => variantRow(method, at, {choices, form, setMethod}))
      : [];
  const line = el('div.so-method-head', {}, head, add);
  return el('div.so-card-method.is-on', {}, line, fitting.length > 1 && chosen, rows);
}

function variantRow(method, at, {choices, form, setMethod}) {
  const now = () => rules.methodOf(choices, form, method.name).variants; // another row may have changed meanwhile
  const variants = now();
  const attributes = {
    value: variants[at],
    placeholder: at ? EXAMPLE : 'as the preset has it',
    'aria-label': `Changes of variant ${at + 1} of ${method.title}`,
    'data-variant': method.name,
  };
  const input = el('input.cs-input', attributes);
  const changed = () => now().map((text, k) => (k === at ? input.value : text));
  input.addEventListener('input', () => setMethod(method.name, {variants: changed()}, false));
  input.addEventListener('change', () => setMethod(method.name, {variants: changed()}));
  const drop = () => setMethod(method.name, {variants: now().filter((_, k) => k !== at)});
  const button = iconButton('close', `Remove variant ${at + 1} of ${method.title}`, drop);
  return el('div.so-variant', {}, input, variants.length > 1 && button);
}

/** Entries whose files are applied together; `set(changes)` changes the form. */
export function stackRows({choices, form, set}) {
  const trained = rules.entriesOf(choices, {...form, stacks: []}).map((entry) => entry.name);
  if (trained.length < 2) return [];
  const replaced = (at, stack) => set({stacks: form.stacks.map((one, k) => (k === at ? stack : one))});
  const row = (stack, at) => {
    const chip = (name) => {
      const on = stack.includes(name);
      const next = on ? stack.filter((one) => one !== name) : [...stack, name];
      const attributes = {type: 'button', 'aria-pressed': on, onclick: () => replaced(at, next)};
      return el(`button.cs-chip.so-chip${on ? '.is-on' : ''}`, attributes, name);
    };
    const drop = () => set({stacks: form.stacks.filter((_, k) => k !== at)});
    const label = `Stack ${at + 1}: files applied together`;
    const button = iconButton('close', `Remove stack ${at + 1}`, drop);
    return el('div.so-stack', {role: 'group', 'aria-label': label}, trained.map(chip), button);
  };
  const add = () => set({stacks: [...form.stacks, trained.slice(0, 2)]});
  return [...form.stacks.map(row), labelled('plus', 'Files applied together…', add, '.cs-quiet.so-more-button')];
}

/** The budgets, each with a sentence: {node, show}; `choose(name, usual)` is a click or an arrow key. */
export function budgetGroup(choose) {
  const button = ([name, title, sentence, , usual]) => {
    const attributes = {type: 'button', role: 'radio', 'data-budget': name, onclick: () => choose(name, usual)};
    return el('button.so-budget', attributes, el('b', {}, title), el('span.cs-small', {}, sentence));
  };
  const buttons = rules.BUDGETS.map(button);
  const node = el('div.so-budgets', {role: 'radiogroup', 'aria-label': 'Budget'}, buttons);
  turned(
    node,
    () => buttons,
    (next) => next.click(),
  );
  const show = (budget) => {
    for (const one of buttons) {
      const on = one.dataset.budget === budget;
      one.setAttribute('aria-checked', String(on));
      one.tabIndex = on ? 0 : -1;
    }
  };
  return {node, show};
}
