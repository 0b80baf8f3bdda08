// The controls above the grid of a comparison. Owns: how they look. Refuses to know: what they do; `view` holds
// what is chosen, and `set(fields)` changes it.
import {el} from '../core/dom.js';
import {labelled} from '../core/icons.js';
import {range} from '../core/range.js';
import {tables} from '../core/tables.js';
import {measuredBy} from './measures.js';
import {hasCheckpoints} from './tracks.js';

function choice(label, entries, value, onchoice) {
  const options = entries.map(([one, text]) =>
    el('option', {value: one, selected: String(one) === String(value)}, text),
  );
  const onchange = (event) => onchoice(event.currentTarget.value);
  return el(
    'label.cm-tool.cs-small.cs-muted',
    {},
    label,
    el('select.cs-input', {'aria-label': label, onchange}, options),
  );
}

const labelledRange = (label, one) => el('label.cm-tool.cs-small.cs-muted', {}, label, one.node);

const direction = ({better}) => (better === 'lower' ? 'lowest first' : 'highest first');

/** {node, zoomed(view)}; `acts` are {set, zoom, compare, pinReference}. */
export function imageTools(comparison, view, acts) {
  const {columns} = comparison;
  const several = columns.length > 1;
  const orders = [
    ['', 'as they are'],
    ['name', 'by name'],
    ...measuredBy(columns, tables.measures).map((one) => [one.key, `${one.label}, ${direction(one)}`]),
  ];
  const against = [['-1', 'off'], ...columns.map((one, k) => [String(k), `to ${one.name}`])];
  const size = range('Size', {min: 72, max: 480, step: 4}, view.size, (to) => acts.set({size: to, sized: true}));
  const zoom = range('Zoom', {min: 0, max: 4, step: 0.05}, 0, (to) => acts.zoom.scale(2 ** to));
  const gain = range('Gain', {min: 1, max: 16, step: 0.5}, view.gain, (to) => acts.set({gain: to}));
  const group = el('button.cs-switch', {
    type: 'button',
    role: 'switch',
    'aria-checked': String(view.grouped),
    'aria-label': 'Checkpoints of a run as one column',
    onclick: () => acts.set({grouped: !view.grouped}),
  });
  const node = el(
    'div.cs-toolbar.cm-toolbar',
    {},
    several && labelled(null, 'Look closer', acts.compare),
    labelledRange('Size', size),
    labelledRange('Zoom', zoom),
    several && choice('Order', orders, view.order, (order) => acts.set({order})),
    several && choice('Difference', against, view.baseline, (to) => acts.set({baseline: Number(to)})),
    view.baseline >= 0 && labelledRange('Gain', gain),
    hasCheckpoints(columns) && el('label.cm-tool.cs-small.cs-muted', {}, group, 'Checkpoints as one column'),
    comparison.reference?.images > 0 && labelled('pin', 'Pin a reference image', acts.pinReference, '.cs-quiet'),
  );
  return {node, zoomed: (now) => zoom.set(Math.log2(now.zoom))};
}

/** The hidden columns, each a button that shows it again; null where there is none. */
export function hiddenList(tracks, show) {
  if (!tracks.length) return null;
  const one = (track) =>
    el(
      'button.cs-button.cs-quiet.cm-hidden',
      {type: 'button', 'aria-label': `Show ${track.name} again`, onclick: () => show(track)},
      `${track.name} +`,
    );
  return el('div.cs-toolbar.cm-hiddens.cs-small', {}, el('span.cs-muted', {}, 'Hidden:'), tracks.map(one));
}
