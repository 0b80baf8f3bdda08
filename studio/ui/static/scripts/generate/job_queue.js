// Batches that wait for the one that is being generated. Owns: their list.
// Refuses to know: how they are started.
import {attempt} from '../core/calls.js';
import {el} from '../core/dom.js';
import {count} from '../core/format.js';
import {iconButton, labelled} from '../core/icons.js';

const PAUSED = 'A job failed, so the others wait.';

/** What a job is, in a line. */
export function jobText({prompt, count: images, lanes = [], repeats}) {
  const all = images * Math.max(lanes.length, 1);
  return `${repeats ? '∞ ' : ''}${count(all, 'image')} · ${prompt.trim() || 'no prompt'}`;
}

/** `remove(id)`, `clear()`, `resume()` and `stopRepeating()` are calls; `paint(queue)` shows what waits. */
export function jobQueue(host, {remove, clear, resume, stopRepeating}) {
  let shown = '';
  const row = (job) =>
    el(
      'li',
      {},
      el('span.jq-text', {title: job.prompt}, jobText(job)),
      iconButton('close', 'Remove this job', (event) => attempt(() => remove(job.id), event.currentTarget)),
    );
  function paint(queue) {
    const key = JSON.stringify(queue);
    if (key === shown) return;
    shown = key;
    const {jobs, paused, repeating} = queue;
    const words = paused ? PAUSED : `${count(jobs.length, 'job')} waiting`;
    const head = el(
      'div.cs-toolbar',
      {},
      el('span.cs-small', {role: 'status'}, jobs.length ? words : 'Repeating until stopped'),
      el('span.cs-spacer'),
      paused && labelled(null, 'Continue', (event) => attempt(resume, event.currentTarget)),
      repeating && labelled('stop', 'Stop repeating', (event) => attempt(stopRepeating, event.currentTarget)),
      jobs.length > 1 && labelled(null, 'Remove all', (event) => attempt(clear, event.currentTarget), '.cs-quiet'),
    );
    host.hidden = !jobs.length && !repeating;
    host.replaceChildren(head, el('ol.jq-list', {'aria-label': 'Waiting jobs'}, jobs.map(row)));
  }
  return {paint};
}
