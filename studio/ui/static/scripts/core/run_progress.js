// The run going on, in a few words: for the page's title, its header and notifications. Pure.
import {formatDuration} from './format.js';

const DOING = {preparing: 'preparing', paused: 'paused', stopping: 'stopping'};

/** ['42 %', 'step 420 of 1000', '3 min 20 s left'], as far as it is known. */
function progressParts({state, step, steps, eta}) {
  if (DOING[state] && !step) return [DOING[state]];
  const share = steps ? `${Math.floor((100 * step) / steps)} %` : null;
  const left = Number.isFinite(eta) ? `${formatDuration(eta)} left` : null;
  return [share, `step ${step} of ${steps || '–'}`, DOING[state] || left].filter(Boolean);
}

const nameOf = (run) => run.name || run.run;

/** For the header. */
export const runText = (run) => `${nameOf(run)}: ${progressParts(run).join(' · ')}`;

/** The page's title: what changes comes first, because a narrow tab shows only that. */
export const runTitle = (run, title) => (run ? `${progressParts(run).join(' · ')} · ${nameOf(run)}` : title);

/** What is said when a run has ended: {title, body}. `word` is its state as the page calls it. */
export const endedText = (run, word) => ({
  title: `${nameOf(run)}: ${word}`,
  body: run.reason || `Step ${run.step} of ${run.steps}.`,
});
