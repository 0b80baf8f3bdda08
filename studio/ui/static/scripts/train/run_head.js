// The head of a run: its name and figures, its end, and its buttons.
// Owns: how these look. Refuses to know: polling, the server (callbacks are handed in).
import {attempt} from '../core/calls.js';
import {el} from '../core/dom.js';
import {formatBytes, formatDuration} from '../core/format.js';
import {openTab} from '../core/handover.js';
import {message} from '../core/notices.js';
import {doingNow} from '../core/run_progress.js';
import {betterText} from './resume_rules.js';
import {badge, isActive, methodTitle} from './run_states.js';
import {aboutRun, endingOf, speedText} from './run_words.js';

const TITLES = {
  pause: 'Releases the GPU until you continue',
  save: 'Writes a checkpoint after this step',
  sample: 'Generates a row of images after this step',
  stop: 'Ends here and writes the file as it is now',
  resume: 'Continues from the last checkpoint, with the same result as without the break',
  better: 'It would fail again as it is; with this it probably goes on',
  change: 'Goes on with another rate, more steps, other samples',
  choose: 'Compares all checkpoints at several strengths, and recommends one',
  clone: 'Fills the form on the left with this run’s settings',
  remove: 'Moves the run to the workspace’s trash',
};

function button(label, action, style = '', title = '') {
  const onclick = (event) => attempt(action, event.currentTarget);
  return el(`button.cs-button${style}`, {type: 'button', title, onclick}, label);
}

/** The buttons of a run that waits or works. */
function steering(state, {command, change}) {
  const changing = () => button('Change and resume…', change, '', TITLES.change);
  const send = (name) => () => command(name);
  const stop = (label = 'Stop', title = '') => button(label, send('stop'), '.cs-danger', title);
  switch (state) {
    case 'queued':
      return [stop('Take out of the queue')];
    case 'preparing':
      return [stop()];
    case 'paused':
      return [button('Continue', send('continue'), '.cs-primary'), changing(), stop()];
    case 'running':
      return [
        button('Pause', send('pause'), '', TITLES.pause),
        button('Save now', send('save'), '', TITLES.save),
        button('Sample now', send('sample'), '', TITLES.sample),
        stop('Stop', TITLES.stop),
      ];
    default:
      return [];
  }
}

/** The buttons of a run that has ended. */
function afterwards({run, base, files, state, step, steps, last_checkpoint: checkpoint}, actions, suggestion) {
  const file = files?.[0];
  const use = () => openTab('generate', {adapters: [file.path], base});
  const compare = () => openTab('compare', {run, base});
  const choose = () => openTab('compare:checkpoints', {run});
  const better = Object.keys(suggestion).length > 0;
  const goesOn = () =>
    better
      ? button(betterText(suggestion, checkpoint), () => actions.resume(suggestion), '.cs-primary', TITLES.better)
      : button('Resume', () => actions.resume({}), file ? '' : '.cs-primary', TITLES.resume);
  return [
    file && button('Try it in Generate', use, '.cs-primary'),
    file && button('Compare', compare),
    checkpoint && button('Find the best checkpoint', choose, '', TITLES.choose),
    state !== 'finished' && step < steps && goesOn(),
    button('Change and resume…', actions.change, '', TITLES.change),
    button('Use its settings', actions.clone, '', TITLES.clone),
    button('Delete', actions.remove, '.cs-danger', TITLES.remove),
  ].filter(Boolean);
}

function figureList(state, live, step) {
  const figure = (label, value, title = '') => el('div', {title}, el('dt', {}, label), el('dd.cs-number', {}, value));
  const going = state.state === 'running' || state.state === 'preparing';
  return [
    figure('Step', state.steps ? `${step} / ${state.steps}` : '–'),
    figure('Epoch', state.epoch ?? '–'),
    figure('Loss', typeof live.loss === 'number' ? live.loss.toPrecision(3) : '–', 'Smoothed'),
    figure('Speed', speedText(state.speed)),
    going ? figure('Time left', formatDuration(state.eta)) : figure('Time trained', formatDuration(state.seconds)),
    figure('Memory', formatBytes(state.peak_memory || null), 'The most this process has used'),
    figure('Last save', state.last_checkpoint ? `step ${state.last_checkpoint}` : '–'),
  ];
}

function endParts(state, verification) {
  const line = (text) => [el('p.cs-muted.cs-small', {style: {margin: '0'}}, text)];
  if (state.state === 'preparing' && state.preparing) return line(`${state.preparing}…`);
  if (state.state === 'queued') return line('Waiting for the run before it to end.');
  const ending = endingOf(state, verification);
  return ending ? [message(ending.parts, ending.kind)] : [];
}

/** Calls `change` only when what it depends on is another than before. */
function whenOther(change) {
  let before = '';
  return (depends, ...given) => {
    const key = JSON.stringify(depends);
    if (key === before) return;
    before = key;
    change(...given);
  };
}

/** {node, update}; `actions`: command(name), resume(changes), change(), clone(), remove(). */
export function runHead(actions) {
  const name = el('h2.cs-run-name');
  const about = el('span.cs-muted.cs-small');
  const mark = el('span');
  const bar = el('i');
  const label = {role: 'progressbar', 'aria-label': 'Steps', 'aria-valuemin': 0};
  const progress = el('div.cs-progress.cs-run-bar', label, bar);
  const figures = el('dl.cs-figures');
  const end = el('div', {'aria-live': 'polite'});
  const buttons = el('div.cs-toolbar');
  const title = el('div.cs-run-title', {}, el('div.cs-toolbar', {}, name, mark), about);
  const top = el('div.cs-run-top', {}, title, buttons);
  const node = el('section.cs-card.cs-run-head', {'aria-label': 'Run'}, top, progress, figures, end);

  const setButtons = whenOther((state, suggestion) => {
    const active = isActive(state.state);
    const found = active ? steering(state.state, actions) : afterwards(state, actions, suggestion);
    buttons.replaceChildren(...found);
  });
  const setEnd = whenOther((state, verification) => end.replaceChildren(...endParts(state, verification)));

  /** `live` is what the plot knows last, `verification` what loading the written file has shown. */
  function update(state, dataset, live, verification, suggestion) {
    const step = Math.max(state.step || 0, live.step || 0);
    const [done, total] = (state.state === 'preparing' && state.prepared) || [step, state.steps || 0];
    name.textContent = state.name || state.run;
    const doing = doingNow(state);
    const beside = state.state === 'preparing' ? '' : doing; // what is below the bar would move with each sample
    mark.replaceChildren(badge(state.state), el('span.cs-muted.cs-small', {}, beside && ` ${beside}…`));
    about.textContent = aboutRun(state, methodTitle(state.method), dataset);
    bar.style.width = `${total ? (100 * done) / total : 0}%`;
    progress.setAttribute('aria-valuenow', done);
    progress.setAttribute('aria-label', doing || 'Steps');
    progress.setAttribute('aria-valuemax', total);
    figures.replaceChildren(...figureList(state, live, step));
    setButtons([state.run, state.state, state.files, state.step < state.steps, suggestion], state, suggestion);
    setEnd([state.run, state.state, state.reason, state.files, verification, state.preparing], state, verification);
  }
  return {node, update};
}
