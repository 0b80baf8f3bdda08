// Panels of the Caption tab that only lead elsewhere: where to begin, the datasets with what opens
// one, and the note above a sample.
import {attempt} from '../core/calls.js';
import {el} from '../core/dom.js';
import {count} from '../core/format.js';
import {icon} from '../core/icons.js';
import {message} from '../core/notices.js';

const MOST_PROBLEMS = 4;

const START =
  'Ten to thirty images of one subject or one style are enough. Drop them or a whole folder here, open a folder ' +
  'of this machine, or look at one of the samples on the left.';

export const button = (label, onclick, {kind = '', glyph = null, title = null} = {}) =>
  el(`button.cs-button${kind}`, {type: 'button', title, onclick}, glyph, label);

export const chip = (...children) => el('span.cs-chip', {}, children);
export const warning = (text) => el('span.cs-chip.is-warn', {}, text);

/** What is said of a dataset under its name; `edit` changes its words, `good` images can be used. */
export function datasetChips(facts, {captioned, looks, broken, selected}, good, edit) {
  const {trigger, class_word: classWord, kind, lines, sample, class_images: base} = facts;
  const all = [
    el('span.cs-chip.cs-number', {}, `${captioned} of ${good} captioned`),
    trigger ? chip('trigger ', el('b', {}, trigger)) : chip('no trigger word'),
    classWord && chip('class ', el('b', {}, classWord)),
    typeof base === 'string' ? chip('class images', base && ' of ', el('b', {}, base)) : chip(kind),
    lines && chip('several captions'),
    !sample && edit,
    looks && warning(`${looks} to look at`),
    broken && warning(`${broken} left out`),
    selected && chip(`${selected} selected`),
  ];
  return all.filter(Boolean);
}

/** A hidden file input; `take(input)` gets it when something was chosen. */
export function fileInput(label, more, take) {
  const input = el('input', {type: 'file', hidden: true, 'aria-label': label, ...more});
  input.addEventListener('change', () => {
    take(input);
    input.value = '';
  });
  return input;
}

/** What is shown while no dataset is open; `choose` is {files(), folder()}. */
export function startPanel(choose) {
  const buttons = [
    button('Choose images…', choose.files, {kind: '.cs-primary'}),
    button('Choose a folder…', choose.folder),
  ];
  return el(
    'div.cs-empty',
    {},
    el('p.cs-empty-title', {}, 'Start with a few images'),
    el('p', {}, START),
    el('div.cs-toolbar', {style: {'justify-content': 'center'}}, buttons),
  );
}

/** The list of datasets, and below it a path to open and what brings files; `more` follows, and `inputs` are
 *  hidden. */
export function datasetPanel(list, choose, openFolder, more, inputs) {
  const label = {placeholder: '/path/to/a/folder', 'aria-label': 'Folder on this machine', spellcheck: 'false'};
  const path = el('input.cs-input', label);
  const open = async () => {
    await openFolder(path.value);
    path.value = '';
  };
  const onsubmit = (event) => {
    event.preventDefault();
    attempt(open);
  };
  const plus = () => ({glyph: icon('plus', 14)});
  const buttons = [button('Images', choose.files, plus()), button('Folder', choose.folder, plus())];
  return el(
    'section.cs-card.cs-stack',
    {style: {gap: '10px'}},
    el('h3.cs-card-title', {style: {margin: '0'}}, 'Datasets'),
    list,
    el('form.cs-path', {onsubmit}, path, el('button.cs-button', {type: 'submit'}, 'Open')),
    el('div.cs-toolbar', {}, buttons, more, inputs),
  );
}

/** What a person should hear of a dataset; captions without an image can go (`discard(event)`). */
export function problemsPanel(problems, strays, discard) {
  if (!problems.length) return [];
  const what = `${count(problems.length, 'thing')} to know`;
  const told = message({what, why: problems.slice(0, MOST_PROBLEMS).join(' ')}, 'warning');
  const several = `${count(strays.length, 'caption')} without an image`;
  const which = `Move ${strays.length === 1 ? strays[0] : several} to the trash`;
  if (strays.length) told.append(button(which, discard, {glyph: icon('trash', 14)}));
  return [told];
}

/** The note above a sample that ships with the studio; `copy(event)` makes an own dataset of it. */
export function samplePanel(copy) {
  const words = [
    el('b', {}, 'A sample that ships with the studio'),
    el('p', {}, 'Train with it as it is, or make a copy and change its captions.'),
  ];
  const own = button('Make my own copy', copy, {glyph: icon('copy', 14)});
  return el('div.cs-notice.cs-hidden', {'data-kind': 'info'}, el('div', {}, words), own);
}
