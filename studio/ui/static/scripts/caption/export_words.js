// How an export reads. Pure.
import {count, formatBytes} from '../core/format.js';

/** “12 images, 3 held out, 2 masks: 31 files, 1.2 MB”. */
export function partsText({images, held_out: heldOut, masks, files, bytes}) {
  const parts = [count(images, 'image'), heldOut && `${heldOut} held out`, masks && count(masks, 'mask')];
  return `${parts.filter(Boolean).join(', ')}: ${count(files, 'file')}, ${formatBytes(bytes)}`;
}

/** What is under way. */
export const progressText = ({done, total}) => (total ? `${done} of ${count(total, 'file')}` : 'Beginning …');
