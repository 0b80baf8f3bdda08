// The run going on, in a few words: for the page's title, its header and notifications. Pure.
import {formatDuration} from './format.js';

const DOING = {preparing: 'preparing', paused: 'paused', stopping: 'stopping'};

/** What a run does while it takes no steps, in its own words; '' for nothing of the sort. */
export function doingNow({state, preparing, doing}) {
  if (state === 'preparing') return preparing || '';
  return state === 'running' || state === 'stopping' ? doing || '' : '';
}

const lower = (text) => text.charAt(0).toLowerCase() + text.slice(1);

/** ['42 %', 'step 420 of 1000', '3 min 20 s left'], as far as it is known. */
function progressParts(run) {
  const {state, step, steps, eta} = run;
  const doing = lower(doingNow(run)) || DOING[state];
  const left = Number.isFinite(eta) ? `${formatDuration(eta)} left` : null;
  if (state === 'preparing') return [doing, left].filter(Boolean);
  if (doing && !step) return [doing];
  const place = `step ${step} of ${steps || '–'}`;
  if (doing && step === steps) return [doing, place]; // all that is left to wait for
  const share = steps ? `${Math.floor((100 * step) / steps)} %` : null;
  return [share, place, doing || left].filter(Boolean);
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
