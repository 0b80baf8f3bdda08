// Files from outside that are dropped anywhere on an area, and how it looks while they are over it; and
// files that are pasted while the area is shown.
import {bringsFiles} from '../core/dom.js';

/** `take(event)` gets the drop. */
export function takesFiles(root, take) {
  let over = 0; // how many elements inside of this one the files are over
  const leave = () => {
    over = 0;
    root.classList.remove('is-over');
  };
  const listen = (name, action) =>
    root.addEventListener(name, (event) => {
      if (bringsFiles(event)) action(event);
    });
  listen('dragenter', () => {
    over += 1;
    root.classList.add('is-over');
  });
  listen('dragleave', () => {
    over -= 1;
    if (over <= 0) leave();
  });
  listen('dragover', (event) => {
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
  });
  listen('drop', (event) => {
    leave();
    event.preventDefault();
    take(event);
  });
}

/** `take(event)` gets what is pasted outside of a text field while `root` is on the screen. */
export function takesPasted(root, take) {
  document.addEventListener('paste', (event) => {
    const writing = event.target.closest?.('input, textarea, [contenteditable]');
    if (!event.clipboardData?.files.length || writing || !root.offsetParent) return;
    event.preventDefault();
    take(event);
  });
}
