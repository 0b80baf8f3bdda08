// The line at the top: what the machine is doing, and light or dark.
import {call} from './calls.js';
import {restoreTheme, setTheme} from './theme.js';
import {poll} from './timing.js';

export function mount({element, server}) {
  restoreTheme();
  const dot = element.querySelector('.cs-dot');
  const text = element.querySelector('.cs-ready-text');
  const turn = () => setTheme(document.body.classList.contains('dark') ? 'light' : 'dark');
  element.querySelector('.cs-theme').addEventListener('click', turn);
  const look = async () => {
    try {
      const answer = await call(server.readiness(null));
      dot.dataset.ready = answer.state;
      text.textContent = answer.text;
    } catch {
      dot.dataset.ready = 'no';
      text.textContent = 'the studio does not answer';
    }
  };
  poll(element, look, 2000);
}
