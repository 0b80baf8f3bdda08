// What the Report part says of a report before it is made, and where its files are. Pure.
import {count, formatBytes} from '../core/format.js';

const LARGE = 30e6; // bytes that a mail does not take

/** [[label, what it will hold], …] for an outlook as the server gives it. */
export function outlookRows({images, missing, columns, rows, bytes, archive}) {
  const grid = `${count(columns, 'column')} × ${count(rows, 'row')}`;
  const gone = missing ? `; ${count(missing, 'image is', 'images are')} not there any more` : '';
  return [
    ['Images', `${images.toLocaleString('en')} (${grid})${gone}`],
    ['Report', `one file, about ${formatBytes(bytes)}, readable without a network`],
    ['Zip', `about ${formatBytes(archive)}${archive > LARGE ? ': too large for most mail' : ''}`],
  ];
}

/** The address of a file of a comparison, as seen from the page. */
export const fileAddress = (id, file) => `comparisons/${encodeURIComponent(id)}/${file}`;

/** Whether what stands in the fields is something else than what is kept. */
export const differs = (typed, kept) =>
  typed.question.trim() !== kept.question.trim() || typed.notes.trim() !== kept.notes.trim();
