// The button that starts a piece of work, its progress, and the button that ends it.
// What is shown comes from the task alone, so a reloaded page shows the same.
const LONGEST_SILENCE = 60000; // milliseconds, when the connection was lost meanwhile
function runBar(host, label, start, cancel, look) {
  let starting = 0; // when the button was pressed, until Python has answered
  const text = cs.el('span.rb-text', {role: 'status'}), fill = cs.el('i');
  const progress = cs.el('div.cs-progress', {hidden: true}, fill), note = cs.el('p.rb-training', {hidden: true});
  const trouble = cs.el('div');
  const go = labelled(null, label, () => {
    starting = Date.now();
    go.disabled = true;
    start();
  }, '.cs-primary.rb-go');
  go.title = 'Ctrl + Enter';
  const stop = labelled('stop', 'Interrupt', () => cs.attempt(async () => { await cs.call(cancel()); await look(); }, stop), '.cs-danger');
  host.append(cs.el('div.cs-card.rb', {}, cs.el('div.rb-line', {}, cs.el('div.rb-buttons', {}, go, stop), text), progress, note), trouble);

  function paint(task, training, summary) {
    const state = task?.state || 'idle', running = state === 'running';
    if (running || Date.now() - starting > LONGEST_SILENCE) starting = 0;
    go.disabled = running || starting > 0;
    stop.hidden = progress.hidden = !running;
    note.hidden = !training;
    note.textContent = training ? `“${training}” is training: pictures are drawn between its steps.` : '';
    if (running) {
      const share = task.total ? task.done / task.total : 0;
      fill.style.width = `${share * 100}%`;
      const left = share > 0.1 && task.seconds > 2 ? ` · about ${cs.seconds(task.seconds / share * (1 - share))} left` : '';
      text.textContent = task.total ? (task.text || `${task.done} of ${task.total}`) + left : 'Preparing: the first time, the base is loaded …';
    } else if (state === 'finished') text.textContent = `${summary()} in ${cs.seconds(task.result?.seconds ?? task.seconds)}`;
    else if (state !== 'cancelled') text.textContent = '';
    else text.textContent = task.result?.pictures ? `Interrupted: ${summary()} finished before are kept.` : 'Interrupted. What was finished before is kept.';
    trouble.replaceChildren(...(state === 'failed' && task.error ? [cs.message(task.error, 'error')] : []));
  }
  function shortcut(area) {
    area.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || go.disabled) return;
      event.preventDefault();
      event.target.blur(); // a text box hands its text over when it loses focus
      setTimeout(() => go.click()); // after the turn in which it does
    });
  }
  return {paint, shortcut, get starting() { return starting > 0; },
    /** Python took the work, or refused it: a refusal arrives as a message, not as a task. */
    answered() { starting = 0; }};
}
