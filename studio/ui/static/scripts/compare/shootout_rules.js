// What a shootout's form stands for, and how its plan and its progress read. Pure.
// A form is {dataset, folder, base, methods: {name: {on, preset, variants: [text]}}, stacks: [[name]], budget, …};
// `choices` is what the server lists.
import {count, formatBytes, formatDuration} from '../core/format.js';
import {doingNow} from '../core/run_progress.js';
import {datasetOf, datasetOptions} from '../train/pick_rules.js';

export const BUDGETS = [
  [
    'preset',
    'Each its preset',
    'Every method gets the steps its preset says: each at its usual best, at different costs.',
    '',
    0,
  ],
  [
    'steps',
    'Equal steps',
    'Every training takes the same number of optimizer steps; larger batches see more images.',
    'Steps',
    300,
  ],
  [
    'images',
    'Equal images',
    'Every training sees the same number of images; smaller batches take more steps.',
    'Images',
    1800,
  ],
  [
    'minutes',
    'Equal minutes',
    'Every training gets the same time: a few steps are measured first, and the clock ends a run that is late.',
    'Minutes',
    5,
  ],
];

export const EMPTY = {
  dataset: '',
  folder: '',
  base: 'starter',
  name: '',
  methods: {},
  stacks: [],
  budget: 'preset',
  amount: 0,
  training_seeds: '1',
  captions: 2,
  novel: 2,
  own: '',
  seeds: '1-2',
  images: 64,
  steps: 20,
  ordinary_images: 16,
  reference: '',
};

/** A form as it was kept, with what a newer version added; only what has the right type. */
export function restored(kept) {
  const form = structuredClone(EMPTY);
  for (const [key, usual] of Object.entries(EMPTY)) {
    const value = kept?.[key];
    const same = typeof value === typeof usual && Array.isArray(value) === Array.isArray(usual) && value !== null;
    if (same) form[key] = structuredClone(value);
  }
  return form;
}

/** Whether images are chosen: a folder that was typed goes before the dataset of the list. */
export const hasImages = (form) => Boolean(form.folder.trim() || form.dataset);

/** What the list of datasets shows: {options, value, info}; `info` is the dataset that is used, where it is one of
 *  the list. */
export function imagesOf(choices, form) {
  const options = datasetOptions(choices, form);
  if (!form.folder.trim()) return {options, value: form.dataset, info: datasetOf(choices, form)};
  return {options: [['', 'The folder below'], ...options.filter(([id]) => id)], value: '', info: undefined};
}

export const budgetOf = (form) => BUDGETS.find(([name]) => name === form.budget) || BUDGETS[0];

/** Presets that a method can be trained with on the form's base: those made for the base itself first. */
export function presetsOf(choices, form, method) {
  const family = choices.bases.find((base) => base.name === form.base)?.family;
  const fits = ({base, family: own}) => (base ? base === form.base : !own || own === family);
  return choices.presets
    .filter((preset) => preset.method === method && fits(preset))
    .sort((a, b) => Number(Boolean(b.base)) - Number(Boolean(a.base)));
}

/** What the form has of a method: {on, preset, variants}; a method that has no preset here is off. A variant is
 *  what it changes in the preset, the first one usually nothing. */
export function methodOf(choices, form, method) {
  const fitting = presetsOf(choices, form, method);
  const kept = form.methods[method] || {};
  const known = fitting.some((one) => one.name === kept.preset);
  const variants = Array.isArray(kept.variants) ? kept.variants.filter((one) => typeof one === 'string') : [];
  return {
    on: Boolean(kept.on) && fitting.length > 0,
    preset: known ? kept.preset : fitting[0]?.name || '',
    variants: variants.length ? variants : [''],
  };
}

/** “options.rank=2” → “rank 2”; what is half-typed as it stands. */
export const changeWords = (text) =>
  text
    .split(/[,\n]/)
    .map((part) => part.trim())
    .filter(Boolean)
    .map((part) => {
      const [key, ...rest] = part.split('=');
      return rest.length
        ? `${key
            .trim()
            .replace(/^(options|train)\./, '')
            .replaceAll(/[._]/g, ' ')} ${rest.join('=').trim()}`
        : part;
    })
    .join(', ');

/** The entries that the form stands for: {name, preset, changes} of each method and variant, then {name, stack}. */
export function entriesOf(choices, form) {
  const trained = choices.methods.flatMap(({name, title}) => {
    const {on, preset, variants} = methodOf(choices, form, name);
    if (!on) return [];
    const named = (changes) => (changes ? `${title}, ${changeWords(changes)}`.slice(0, 60) : title);
    const distinct = new Set(variants.map((text) => text.trim()));
    return [...distinct].map((changes) => ({name: named(changes), preset, changes}));
  });
  const names = new Set(trained.map((entry) => entry.name));
  const stacks = form.stacks
    .filter((stack) => Array.isArray(stack) && stack.length > 1 && stack.every((name) => names.has(name)))
    .map((stack) => ({name: stack.join(' + ').slice(0, 60), stack}));
  return [...trained, ...stacks];
}

/** What is sent to Python: the form with its entries. */
export const sent = (choices, form) => ({...form, entries: entriesOf(choices, form)});

/** One line about an entry's cost. */
export function entryCost(row) {
  const parts = [];
  if (row.steps !== null)
    parts.push(`${row.exact ? '' : 'about '}${count(row.steps, 'step')}`, `${count(row.seen, 'image')} seen`);
  if (row.reused && row.reused === row.trainings) return [...parts, 'trained already'].join(' · ');
  if (!row.trainings) return [...parts, 'trained with the entries above'].join(' · ');
  if (row.trainings > 1) parts.push(count(row.trainings, 'run'));
  if (row.class_images) parts.push(`${count(row.class_images, 'class image')} first`);
  return [...parts, formatDuration(row.seconds)].join(' · ');
}

/** One line about the cost of all of it. */
export function totalCost(plan) {
  const {total} = plan;
  const parts = [
    `about ${formatDuration(plan.seconds)}`,
    `${count(total.trainings - total.reused, 'training')}${total.reused ? `, ${total.reused} there already` : ''}`,
    count(plan.images, 'image'),
    total.memory ? `${formatBytes(total.memory)} memory` : '',
    total.disk ? `${formatBytes(total.disk)} on disk` : '',
  ];
  return parts.filter(Boolean).join(' · ');
}

/** Whether a plan's cost comes from runs like it. */
export const costSource = (plan) =>
  plan.total.measured ? 'From earlier runs like these.' : 'An estimate: nothing like it has run here yet.';

export const STATES = {
  preparing: 'preparing',
  training: 'training',
  comparing: 'comparing',
  finished: 'finished',
  failed: 'failed',
  paused: 'paused',
  cancelled: 'cancelled',
  pausing: 'pausing…',
  cancelling: 'cancelling…',
  interrupted: 'interrupted',
};

/** The state as one of the badge's. */
export const badgeState = (state) =>
  ({training: 'running', comparing: 'running', cancelled: 'stopped', pausing: 'preparing', cancelling: 'preparing'})[
    state
  ] || state;

/** How far a training of a shootout in the state `whole` is: {share 0…1, text, state}. */
export function trainingProgress(one, whole = '') {
  if (one.error) return {share: 0, text: one.error.what, state: 'failed'};
  if (one.done) return {share: 1, text: one.reused ? 'trained earlier' : 'trained', state: 'finished'};
  const share = one.steps ? one.step / one.steps : 0;
  if (whole === 'cancelled') return {share, text: 'cancelled', state: 'stopped'};
  if (!one.run || one.state === 'queued') return {share: 0, text: 'waiting', state: 'waiting'};
  if (one.state === 'preparing') return {share: 0, text: one.preparing || 'preparing', state: 'running'};
  const doing = doingNow(one);
  const eta = one.state === 'running' && Number.isFinite(one.eta) ? `${formatDuration(one.eta)} left` : '';
  const left = doing || eta ? ` · ${doing || eta}` : '';
  const reason = one.state === 'paused' && one.reason ? ` · ${one.reason}` : '';
  const word = one.state === 'running' || one.state === 'finished' ? '' : `${one.state} · `;
  return {share, text: `${word}step ${one.step} of ${one.steps}${left}${reason}`, state: one.state || 'waiting'};
}

/** Column heading → what its trainings are doing, of those that are not finished. */
export function columnWords(shootout) {
  const several = new Set(shootout.trainings.map((one) => one.seed)).size > 1;
  const found = {};
  for (const one of shootout.trainings.filter((row) => !row.done)) {
    found[several ? `${one.entry} · seed ${one.seed}` : one.entry] = trainingProgress(one, shootout.state).text;
  }
  return found;
}

/** What can be done with a shootout: names of actions. */
export function actionsOf(shootout) {
  const failed = shootout.trainings.some((one) => one.error);
  const {state, here} = shootout;
  const going = ['preparing', 'training', 'comparing'].includes(state);
  if (['pausing', 'cancelling'].includes(state)) return shootout.comparison ? ['open'] : [];
  return [
    going && here && 'pause',
    ((!going && state !== 'finished') || (state === 'finished' && failed)) && 'go_on',
    !['finished', 'cancelled'].includes(state) && 'cancel',
    shootout.comparison && 'open',
    !here && 'remove',
  ].filter(Boolean);
}
