// How it reads what a run learnt of each image, and their order by it. Pure.
// A row is {file, learnt, worth, never, changed}; rows come with the least learnt first.
import {count} from '../core/format.js';

const percent = (share) => `${Math.round(100 * share) || 0} %`.replace('-', '−');

/** What the columns beside an image’s name say, and what that is. */
export const HEADINGS = [
  ['caption', 'Share of the loss that its own caption takes away, against captions of other images'],
  ['learnt', 'Share of the untrained base’s loss that is gone'],
];

/** “−3 %”, or a dash where captions are all alike. */
export const worthText = ({worth}) => (worth === null ? '–' : percent(worth));
export const learntText = ({learnt}) => percent(learnt);

/** Which run it was, and how many of the images it speaks of. */
export function sourceText({name, run, step, measured, images}) {
  const of = measured < images ? `${measured} of ${count(images, 'image')}` : count(images, 'image');
  return `By “${name || run}”, step ${step}: ${of}, at the same noise as the untrained base.`;
}

/** What is said where the pointer rests on an image. */
export function titleOf(row) {
  const {worth, never, changed} = row;
  if (changed) return 'Its caption was changed after this run.';
  const learnt = `${learntText(row)} of the base’s loss is gone.`;
  if (worth === null) return learnt;
  const told = `Its caption takes ${worthText(row)} off the loss, against captions of other images.`;
  return never ? `${told} Is it mislabelled?` : `${told} ${learnt}`;
}

/** The items with the least learnt first; those that were not measured come last, in their order. */
export function inOrder(items, rows) {
  const places = new Map(rows.map(({file}, place) => [file, place]));
  const place = ({file}) => places.get(file) ?? rows.length;
  return [...items].sort((a, b) => place(a) - place(b));
}

/** Whether anything can be said of captions at all. */
export const hasWorth = ({rows}) => rows.some(({worth}) => worth !== null);
