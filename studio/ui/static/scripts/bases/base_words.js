// What the dialog for adding a base says. Pure.
import {count, formatBytes} from '../core/format.js';

/** What a repository on the hub is, before anything of it is downloaded. */
export function offerText({bytes, missing, files, licence}) {
  const here = bytes - missing;
  const rest = here && missing ? `, ${formatBytes(here)} of them are here already` : '';
  const size = missing ? `${formatBytes(bytes)} in ${count(files, 'file')}${rest}.` : 'All of it is on this machine.';
  return `${size} Licence: ${licence || 'not stated; look at its page on the hub'}.`;
}

/** Part of a whole as the bars take it: 0…1. */
export const shareOf = (done, total) => (total > 0 ? Math.min(1, done / total) : 0);

/** “1.2 of 4.0 GB (30 %)”. */
export const amount = (done, total) =>
  `${formatBytes(done)} of ${formatBytes(total)} (${Math.floor(100 * shareOf(done, total))} %)`;

/** What can be sent, before anything is. */
export const sendText = ({largest, free}) =>
  `One .safetensors file of a whole model, at most ${formatBytes(largest)}; there is room for ${formatBytes(free)}.`;

/** What speaks against a file before any of it is read; '' for nothing. */
export function refusedFile({name, size}, {largest, free}) {
  if (!/\.safetensors$/i.test(name)) return 'Only .safetensors files can be sent. Name the path of anything else.';
  if (size > largest) return `It has ${formatBytes(size)}; at most ${formatBytes(largest)} can be sent.`;
  if (size > free) return `It has ${formatBytes(size)}; there is room for ${formatBytes(free)} on the disk.`;
  return '';
}

/** How many bytes of a safetensors file its header takes, from its first eight; 0 for more than `most`. */
export function headLength(eight, most) {
  if (eight.byteLength < 8) return eight.byteLength;
  const length = 8 + Number(new DataView(eight).getBigUint64(0, true));
  return length <= most ? length : 0;
}
