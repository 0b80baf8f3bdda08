// The line at the top: what the machine is doing, the run going on, and light or dark.
import {bell} from './bell.js';
import {call} from './calls.js';
import {watchConnection} from './connection.js';
import {openTab} from './handover.js';
import {endedText, runText, runTitle} from './run_progress.js';
import {tables} from './tables.js';
import {restoreTheme, setTheme} from './theme.js';
import {poll} from './timing.js';

export function mount({element, server}) {
  restoreTheme();
  const [dot, text, run] = ['.cs-dot', '.cs-ready-text', '.cs-run-now'].map((one) => element.querySelector(one));
  const title = document.title;
  const ring = bell(element.querySelector('.cs-bell'));
  let followed = ''; // the run that was going on at the last look
  const turn = () => setTheme(document.body.classList.contains('dark') ? 'light' : 'dark');
  element.querySelector('.cs-theme').addEventListener('click', turn);
  run.addEventListener('click', () => openTab('train:run', {run: followed}));

  function show(now, ended) {
    followed = now?.run || '';
    if (ended)
      ring(endedText(ended, tables.run_states[ended.state].title), () => openTab('train:run', {run: ended.run}));
    run.hidden = !now;
    run.textContent = now ? runText(now) : '';
    document.title = runTitle(now, title);
  }
  const look = async () => {
    try {
      const answer = await call(server.readiness({run: followed}));
      dot.dataset.ready = answer.state;
      text.textContent = answer.text;
      show(answer.run, answer.ended);
    } catch (error) {
      dot.dataset.ready = 'no';
      text.textContent = error.parts?.what || 'This line cannot be shown';
    }
  };
  watchConnection(async () => {
    if (!(await server.readiness({run: followed}))) throw new Error('no answer');
  });
  poll(element, look, 2000, {always: true});
}
