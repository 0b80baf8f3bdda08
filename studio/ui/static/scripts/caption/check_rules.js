// How a report on a dataset reads. Pure.
import {count} from '../core/format.js';

/** The state of the badge beside the verdict. */
export function stateOf({counts}) {
  if (counts.error) return 'error';
  return counts.warning ? 'warning' : 'good';
}

/** “3 images”, or nothing for a finding about the folder. */
export const aboutText = ({files}) => (files.length ? count(files.length, 'image') : '');

/** Each place of a finding as {files, text}: the names of its images, and why. */
export function placesOf({hits, more}) {
  const found = hits.map(({files, why}) => {
    const names = files.join(', ');
    const said = why.startsWith(files[0]) ? why : [names, why].filter(Boolean).join(': ');
    return {files, text: said};
  });
  return more ? [...found, {files: [], text: `and ${more} more`}] : found;
}

const percent = (share) => `${(share * 100).toFixed(share && share < 0.1 ? 1 : 0)} %`;

/** [size, images, what the crop leaves out] of each bucket. */
export const bucketCells = (buckets) =>
  buckets.map(({width, height, images, lost, most_lost: most}) => [
    `${width} × ${height}`,
    String(images),
    most - lost < 0.005 ? percent(lost) : `${percent(lost)}, at most ${percent(most)}`,
  ]);

/** A score with two digits and a real minus. */
export const scoreText = (score) => score.toFixed(2).replace('-', '−');

/** What is under way. */
export function progressWords({done, total, text}) {
  if (!total) return 'Looking …';
  const what = text === 'images' ? 'images looked at' : 'captions compared';
  return `${done} of ${total} ${what}`;
}

/** What is said of a check that brought no report. */
export function withoutReport({state}) {
  return state === 'cancelled' ? 'Stopped. What was looked at is remembered for the next time.' : '';
}
