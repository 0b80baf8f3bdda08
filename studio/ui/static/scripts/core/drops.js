// A file dropped beside a drop zone must not replace the page.
import {bringsFiles} from './dom.js';

export function catchStrayDrops() {
  for (const name of ['dragover', 'drop']) {
    globalThis.addEventListener(name, (event) => {
      if (!bringsFiles(event) || event.defaultPrevented) return;
      event.preventDefault();
      if (name === 'dragover') event.dataTransfer.dropEffect = 'none';
    });
  }
}
