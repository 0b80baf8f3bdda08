// A place where adapters are dropped: files from outside, or cards and rows of the page.
import {ADAPTER} from '../core/adapters.js';
import {bringsFiles} from '../core/dom.js';

function pathsOf(event) {
  try {
    return [JSON.parse(event.dataTransfer.getData(ADAPTER)).path];
  } catch {
    return []; // not ours
  }
}

/** `accept(paths)` gets what is dropped; `take(files)` makes paths of files from outside. */
export function dropTarget(node, accept, take) {
  const wanted = (event) => bringsFiles(event) || [...event.dataTransfer.types].includes(ADAPTER);
  node.addEventListener('dragover', (event) => {
    if (!wanted(event)) return;
    event.preventDefault();
    event.stopPropagation();
    node.parentElement.closest('.is-over')?.classList.remove('is-over');
    node.classList.add('is-over');
  });
  node.addEventListener('dragleave', (event) => {
    if (!node.contains(event.relatedTarget)) node.classList.remove('is-over');
  });
  node.addEventListener('drop', async (event) => {
    for (const one of document.querySelectorAll('.is-over')) one.classList.remove('is-over');
    if (!wanted(event)) return;
    event.preventDefault();
    event.stopPropagation();
    const files = [...event.dataTransfer.files];
    const paths = files.length ? await take(files) : pathsOf(event);
    if (files.length || paths.length) accept(paths);
  });
}
