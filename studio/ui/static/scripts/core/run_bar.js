// The button that starts a piece of work, its progress, and the button that ends it.
// What is shown comes from the task alone, so a reloaded page shows the same.
import {attempt, call} from './calls.js';
import {el} from './dom.js';
import {labelled} from './icons.js';
import {message} from './notices.js';
import {progressText} from './progress.js';

const LONGEST_SILENCE = 60000; // milliseconds, when the connection was lost meanwhile

/** `label` is the button's; `start()`, `cancel()` and `look()` are what it does, `cancel` a call. With
 *  `queues` more can be started while one runs; `more` are buttons beside it. */
export function runBar(host, {label, start, cancel, look, queues = false, more = []}) {
  let starting = 0; // when the button was pressed, until Python has answered
  const text = el('span.rb-text', {role: 'status'});
  const fill = el('i');
  const progress = el('div.cs-progress', {hidden: true}, fill);
  const note = el('p.rb-training', {hidden: true});
  const trouble = el('div');
  const press = (action) => {
    starting = Date.now();
    go.disabled = true;
    bar.dataset.state = 'starting';
    action();
  };
  const interrupt = async () => {
    await call(cancel());
    await look();
  };
  const go = labelled(null, label, () => press(start), '.cs-primary.rb-go');
  go.title = 'Ctrl + Enter';
  const stop = labelled('stop', 'Interrupt', () => attempt(interrupt, stop), '.cs-danger');
  const line = el('div.rb-line', {}, el('div.rb-buttons', {}, go, more, stop), text);
  const bar = el('div.cs-card.rb', {}, line, progress, note);
  host.append(bar, trouble);

  function paint(task, training, summary) {
    const state = task?.state || 'idle';
    const running = state === 'running';
    if ((running && !queues) || Date.now() - starting > LONGEST_SILENCE) starting = 0;
    go.disabled = (running && !queues) || starting > 0;
    bar.dataset.state = starting ? 'starting' : state;
    stop.hidden = !running;
    progress.hidden = !running;
    note.hidden = !training;
    note.textContent = training ? `“${training}” is training: images are generated between its steps.` : '';
    if (running) fill.style.width = `${(task.total ? task.done / task.total : 0) * 100}%`;
    text.textContent = progressText(task, summary);
    trouble.replaceChildren(...(state === 'failed' && task.error ? [message(task.error, 'error')] : []));
  }
  function shortcut(area) {
    area.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
      if (go.disabled || go.offsetParent === null) return; // another bar is shown in this area
      event.preventDefault();
      event.target.blur(); // a text box hands its text over when it loses focus
      setTimeout(() => go.click()); // after the turn in which it does
    });
  }
  return {
    paint,
    shortcut,
    press,
    get starting() {
      return starting > 0;
    },
    /** Python took the work, or refused it: a refusal arrives as a message, not as a task. */
    answered() {
      starting = 0;
    },
  };
}
