// Parts of the run view: the head with its figures, its end and its buttons, and the messages.
// Owns: how these look. Refuses to know: polling, the server (callbacks are handed in).
const STATES = {queued: 'waiting', preparing: 'preparing', running: 'running', paused: 'paused', stopping: 'stopping',
  finished: 'finished', stopped: 'stopped', failed: 'failed', interrupted: 'interrupted'};
const ACTIVE = ['queued', 'preparing', 'running', 'paused', 'stopping'];
const METHODS = props.methods || {};
const badge = (state) => cs.el('span.cs-badge', {'data-state': state}, STATES[state] || state || 'unknown');

function runHead(actions) {
  const name = cs.el('h2.cs-run-name'), about = cs.el('span.cs-muted.cs-small'), mark = cs.el('span');
  const bar = cs.el('i'), progress = cs.el('div.cs-progress.cs-run-bar', {role: 'progressbar', 'aria-label': 'Steps', 'aria-valuemin': 0}, bar);
  const figures = cs.el('dl.cs-figures'), end = cs.el('div', {'aria-live': 'polite'}), buttons = cs.el('div.cs-toolbar');
  let shown = '', ended = '';
  const button = (label, action, style = '', title = '') => cs.el(`button.cs-button${style}`, {type: 'button', title, onclick: (event) => cs.attempt(action, event.currentTarget)}, label);
  const node = cs.el('section.cs-card.cs-run-head', {'aria-label': 'Run'},
    cs.el('div.cs-run-top', {}, cs.el('div.cs-run-title', {}, cs.el('div.cs-toolbar', {}, name, mark), about), buttons), progress, figures, end);

  function tools(state, run) {
    const file = state.files?.[0];
    const sets = {
      queued: [button('Take out of the queue', () => actions.command('stop'), '.cs-danger')],
      preparing: [button('Stop', () => actions.command('stop'), '.cs-danger')],
      running: [button('Pause', () => actions.command('pause'), '', 'Gives the device away until you continue'),
        button('Save now', () => actions.command('save'), '', 'Writes a checkpoint after this step'),
        button('Sample now', () => actions.command('sample'), '', 'Draws a row of pictures after this step'),
        button('Stop', () => actions.command('stop'), '.cs-danger', 'Ends here and writes the file as it is now')],
      paused: [button('Continue', () => actions.command('continue'), '.cs-primary'), button('Stop', () => actions.command('stop'), '.cs-danger')],
      stopping: [],
    };
    const list = sets[state.state] || [
      file && button('Try it in Generate', () => cs.go('generate', {adapters: [file.path], base: state.base}), '.cs-primary'),
      file && button('Compare', () => cs.go('compare', {run, base: state.base})),
      state.state !== 'finished' && state.step < state.steps && button('Resume', () => actions.resume(), file ? '' : '.cs-primary', 'Goes on from the last checkpoint, with the same result as without the break'),
      button('Use its settings', () => actions.clone(), '', 'Fills the form on the left with this run’s settings'),
      button('Delete', () => actions.remove(), '.cs-danger', 'Moves the run to the workspace’s trash')];
    buttons.replaceChildren(...list.filter(Boolean));
  }
  /** What loading the written file again has shown. */
  function proved(proof) {
    if (!proof) return {};
    const total = proof.matched + proof.unmatched.length, percent = Number((100 * proof.change).toPrecision(2));
    const found = `${proof.matched} of ${total} modules found their place`;
    return {why: `Loaded again for proof: ${found}; the picture of “${proof.prompt}” ${proof.change ? `changes by ${percent} %` : 'does not change'}.`,
      remedy: proof.unmatched.length ? `Not used: ${proof.unmatched.slice(0, 3).join(', ')}${proof.unmatched.length > 3 ? ' …' : ''}.`
        : proof.change ? '' : 'Train longer or with a higher learning rate.'};
  }
  function ending(state, proof) {
    const done = state.state === 'finished', file = state.files?.[0];
    if (state.state === 'failed') return cs.message(state.error || {what: 'The run failed', why: state.reason, remedy: state.remedy}, 'error');
    if (state.state === 'interrupted') return cs.message({what: 'This run was interrupted', why: state.reason, remedy: state.remedy,
      safe: state.last_checkpoint ? `Step ${state.last_checkpoint} is saved.` : state.place ? '' : 'No step was saved: Resume begins again.'}, 'warning');
    if (state.state === 'paused' && state.reason) return cs.message({what: 'Paused', why: state.reason, remedy: state.remedy}, 'warning');
    if (!file) return state.state === 'stopped' ? cs.message({what: state.reason || 'Stopped before the first step', remedy: 'Nothing was written.'}, 'info') : null;
    if (!done && state.state !== 'stopped') return null;
    return cs.message({
      what: `${done ? 'Finished' : `Stopped at step ${state.step}`}: ${state.files.map((f) => `${f.name} (${cs.bytes(f.size)})`).join(', ')}`,
      ...proved(proof),
    }, proof && !proof.ok ? 'warning' : 'good');
  }
  function update(state, config, dataset, live, proof) {
    name.textContent = state.name || state.run;
    mark.replaceChildren(badge(state.state));
    about.textContent = [METHODS[state.method] || state.method, `on ${state.base}`, dataset && `with ${dataset}`, cs.when(state.started_at || state.created_at)].filter(Boolean).join(' · ');
    const step = Math.max(state.step || 0, live.step || 0), total = state.steps || 0, share = total ? step / total : 0;
    bar.style.width = `${100 * share}%`;
    progress.setAttribute('aria-valuenow', step); progress.setAttribute('aria-valuemax', total);
    const active = ACTIVE.includes(state.state), running = state.state === 'running';
    const figure = (label, value, title = '') => cs.el('div', {title}, cs.el('dt', {}, label), cs.el('dd.cs-number', {}, value));
    const speed = state.speed ? (state.speed >= 1 ? `${state.speed.toFixed(1)} steps/s` : `${(1 / state.speed).toFixed(1)} s/step`) : '–';
    figures.replaceChildren(
      figure('Step', total ? `${step} / ${total}` : '–'),
      figure('Epoch', state.epoch ?? '–'),
      figure('Loss', live.loss == null ? '–' : live.loss.toPrecision(3), 'Smoothed'),
      figure('Speed', active || state.speed ? speed : '–'),
      running ? figure('Time left', cs.seconds(state.eta)) : figure('Time trained', cs.seconds(state.seconds)),
      figure('Memory', cs.bytes(state.peak_memory || null), 'The most this process has used'),
      figure('Last save', state.last_checkpoint ? `step ${state.last_checkpoint}` : '–'));
    const key = JSON.stringify([state.run, state.state, state.files, state.step < state.steps]);
    if (key !== shown) { shown = key; tools(state, state.run); }
    const ending_ = JSON.stringify([state.run, state.state, state.reason, state.files, proof, state.preparing]);
    if (ending_ !== ended) {
      ended = ending_;
      const words = state.state === 'preparing' && state.preparing ? cs.el('p.cs-muted.cs-small', {style: {margin: '0'}}, `${state.preparing}…`)
        : state.state === 'queued' ? cs.el('p.cs-muted.cs-small', {style: {margin: '0'}}, 'Waiting for the run before it to end.') : ending(state, proof);
      end.replaceChildren(...(words ? [words] : []));
    }
  }
  return {node, update};
}

// The log, and above it the newest word of advice (such as: it could stop here) until it is dismissed.
function runMessages() {
  const list = cs.el('ol.cs-log'), advice = cs.el('div.cs-advice', {'aria-live': 'polite'});
  const node = cs.el('details.cs-card.cs-fold', {}, cs.el('summary', {}, 'Messages'), list);
  const text = (event) => ({saved: () => `Checkpoint saved at step ${event.step}`, message: () => event.text,
    state: () => `${STATES[event.state] || event.state}${event.reason ? `: ${event.reason}` : ''}`, finished: () => `File written at step ${event.step}`}[event.kind]?.());
  return {node, advice, clear() { list.replaceChildren(); advice.replaceChildren(); }, add(event) {
    const words = text(event);
    if (!words) return;
    if (event.kind === 'message' && event.level !== 'info') advice.replaceChildren(cs.message({what: words, why: event.why, remedy: event.remedy}, event.level === 'error' ? 'error' : 'warning', () => advice.replaceChildren()));
    const time = new Date(event.t * 1000).toLocaleTimeString();
    list.prepend(cs.el('li', {'data-level': event.level || ''}, cs.el('time.cs-muted.cs-number', {}, time), cs.el('span', {}, words)));
    while (list.children.length > 300) list.lastChild.remove();
  }};
}
