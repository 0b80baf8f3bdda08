// Zips of comparisons that were made elsewhere. Owns: choosing, dropping and sending one. Refuses to know:
// what is in it (Python looks), the list that it joins.
import {attempt, call} from '../core/calls.js';
import {bringsFiles, el} from '../core/dom.js';
import {count} from '../core/format.js';
import {labelled} from '../core/icons.js';
import {notice} from '../core/notices.js';

const MOST_NAMED = 5;

/** A line with a button for `card`, which takes drops too; `upload` sends a file, `open` reads it in on the
 *  server, and `done(id)` hears of every comparison that arrived. */
export function zipIntake(card, {upload, open, done}) {
  const state = el('span.cs-small.cs-muted', {role: 'status'});
  const input = el('input', {type: 'file', accept: '.zip,application/zip', hidden: true, multiple: true});
  const button = labelled('folder', 'Open a zip…', () => input.click(), '.cs-quiet');
  button.title = 'A comparison that was zipped in another studio; it can be dropped here too';

  async function take(files) {
    button.disabled = true;
    for (const file of files) {
      state.textContent = `Reading ${file.name} …`;
      await attempt(async () => {
        const sent = await upload(file);
        const opened = await call(open({path: sent.path}));
        tell(file, opened);
        await done(opened.id);
      });
    }
    state.textContent = '';
    button.disabled = false;
  }
  input.addEventListener('change', async () => {
    const files = [...input.files];
    input.value = '';
    await take(files);
  });
  card.addEventListener('dragover', (event) => {
    if (!bringsFiles(event)) return;
    event.preventDefault();
    event.stopPropagation(); // around it lies a place for adapters
    card.parentElement.closest('.is-over')?.classList.remove('is-over');
    card.classList.add('is-over');
  });
  card.addEventListener('dragleave', (event) => {
    if (!card.contains(event.relatedTarget)) card.classList.remove('is-over');
  });
  card.addEventListener('drop', (event) => {
    card.classList.remove('is-over');
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    event.stopPropagation();
    take([...event.dataTransfer.files]);
  });
  return el('div.zi', {}, button, input, state);
}

function tell(file, {id, left_out: leftOut}) {
  const named = leftOut.slice(0, MOST_NAMED).join(', ') + (leftOut.length > MOST_NAMED ? ' …' : '');
  const why = leftOut.length ? `${count(leftOut.length, 'file')} in it no comparison has: ${named}` : '';
  notice({what: `${file.name} is open as ${id}`, why}, leftOut.length ? 'warning' : 'good');
}
