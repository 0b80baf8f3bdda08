// What is said of a run: its speed, how it ended, what its events mean. Pure.
import {count, formatBytes, formatTime} from '../core/format.js';

/** `speed` in steps per second; always in one unit, so that two looks and two runs can be compared. */
export const speedText = (speed) => (speed ? `${Number((1 / speed).toPrecision(3))} s/step` : '–');

/** One line about a run; `method` is its method's title. */
export function aboutRun(state, method, dataset) {
  const parts = [method, `on ${state.base}`, dataset && `with ${dataset}`];
  return [...parts, formatTime(state.started_at || state.created_at)].filter(Boolean).join(' · ');
}

/** What loading the written file again has shown, as parts of a message. */
function verificationParts(verification) {
  if (!verification) return {};
  const {matched, unmatched, prompt, change} = verification;
  const percent = Number((100 * change).toPrecision(2));
  const found = `${matched} of ${count(matched + unmatched.length, 'module')} matched`;
  const effect = change ? `changes by ${percent} %` : 'does not change';
  const unused = `Not used: ${unmatched.slice(0, 3).join(', ')}${unmatched.length > 3 ? ' …' : ''}.`;
  const weak = change ? '' : 'Train longer or with a higher learning rate.';
  return {
    why: `Loaded again to verify it: ${found}; the image of “${prompt}” ${effect}.`,
    remedy: unmatched.length ? unused : weak,
  };
}

const told = (kind, parts) => ({kind, parts});

/** How a run ended or why it does not go on: {kind, parts} of a message, or null. */
export function endingOf(state, verification) {
  const {reason, remedy} = state;
  switch (state.state) {
    case 'failed':
      return told('error', state.error || {what: 'The run failed', why: reason, remedy});
    case 'interrupted':
      return told('warning', {what: 'This run was interrupted', why: reason, remedy, safe: savedText(state)});
    case 'paused':
      return reason ? told('warning', {what: 'Paused', why: reason, remedy}) : null;
    case 'finished':
    case 'stopped':
      return writtenOf(state, verification);
    default:
      return null;
  }
}

function savedText(state) {
  if (state.last_checkpoint) return `Step ${state.last_checkpoint} is saved.`;
  return state.place ? '' : 'No step was saved: Resume begins again.';
}

function writtenOf(state, verification) {
  const done = state.state === 'finished';
  if (!state.files?.length) {
    if (done) return null;
    return told('info', {what: state.reason || 'Stopped before the first step', remedy: 'Nothing was written.'});
  }
  const files = state.files.map((file) => `${file.name} (${formatBytes(file.size)})`).join(', ');
  const early = done && state.reason ? `${state.reason} ` : '';
  const what = `${early}${done ? 'Finished' : `Stopped at step ${state.step}`}: ${files}`;
  return told(verification && !verification.ok ? 'warning' : 'good', {what, ...verificationParts(verification)});
}

/** What early stopping says of a save. */
function judgedText({step, likeness, best, since}) {
  const mean = likeness.reduce((sum, value) => sum + value, 0) / likeness.length;
  const so =
    best === step ? 'the best so far' : `not clearly closer than step ${best}, ${count(since, 'save')} in a row`;
  return `Likeness to the held-out images at step ${step}: ${mean.toFixed(3)}, ${so}`;
}

/** One line of the log; undefined for events that are not logged. `title(state)` names a state. */
export function eventText(event, title) {
  switch (event.kind) {
    case 'saved':
      return `Checkpoint saved at step ${event.step}`;
    case 'judged':
      return judgedText(event);
    case 'message':
      return event.text;
    case 'state':
      return `${title(event.state)}${event.reason ? `: ${event.reason}` : ''}`;
    case 'finished':
      return `File written at step ${event.step}`;
    default:
      return undefined;
  }
}

/** What the queue says of runs that waited when the program ended. */
export const waitedText = (runs) =>
  runs === 1 ? 'One run waited when the program ended' : `${count(runs, 'run')} waited when the program ended`;
