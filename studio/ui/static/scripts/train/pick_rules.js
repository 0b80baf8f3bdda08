// What can be chosen to train with, and what follows from a choice. Pure.
// `choices` is what the server lists: {datasets, bases, methods, presets}; `value` is {dataset, base,
// method, preset}.
import {count} from '../core/format.js';

/** The last entry of a list of bases: it opens the dialog, and nothing is chosen. */
export const ADD = ['\u0001', 'Add a model …'];

export const EMPTY = {dataset: '', base: '', method: '', preset: ''};

const find = (list, key, wanted) => list.find((one) => one[key] === wanted);

export const baseOf = (choices, value) => find(choices.bases, 'name', value.base);
export const datasetOf = (choices, value) => find(choices.datasets, 'id', value.dataset);

/** Presets for the method and this very base first, then those for the base's family, then for any. */
export function fittingPresets(choices, value) {
  const family = baseOf(choices, value)?.family;
  const fits = ({base, family: own}) => (base ? base === value.base : !own || own === family);
  const found = choices.presets.filter((preset) => preset.method === value.method && fits(preset));
  return found.sort((a, b) => Number(Boolean(b.base)) - Number(Boolean(a.base)));
}

/** Another method or base: its first preset fills the form, so that rates and sizes make sense. */
export function withChange(choices, value, changes) {
  const next = {...value, ...changes};
  const found = fittingPresets(choices, next);
  const keep = found.some((preset) => preset.name === next.preset) && !(found[0].base && changes.base);
  return {...next, preset: keep ? next.preset : found[0]?.name || ''};
}

/** [id, label] of every dataset; in front of them what is shown while none is chosen. */
export function datasetOptions(choices, value) {
  const more = (one) => (one.sample ? ' · sample' : typeof one.class_images === 'string' ? ' · class images' : '');
  const label = (one) => `${one.name} · ${count(one.images, 'image')}${more(one)}`;
  const options = choices.datasets.map((one) => [one.id, label(one)]);
  if (datasetOf(choices, value)) return options;
  return [['', options.length ? 'Choose a dataset…' : 'No dataset yet'], ...options];
}

/** [value, label] pairs of the bases; what `value` names and is not there is said, never replaced. */
export function baseOptions(choices, value) {
  const options = choices.bases.map(({name, title, size}) => [
    name,
    `${name} · ${title}${size ? ` · ${size} px` : ''}`,
  ]);
  if (baseOf(choices, value)) return options;
  return [[value.base, value.base ? `${value.base} · not there now` : 'Choose a base model…'], ...options];
}

/** One line about a dataset; '' for none. */
export function datasetFacts(info) {
  if (!info) return '';
  const {kind, trigger, captioned, images} = info;
  return [
    kind,
    trigger ? `trigger word “${trigger}”` : 'no trigger word',
    captioned === images ? 'all captioned' : `${captioned} of ${images} captioned`,
  ].join(' · ');
}
