// What Start answers, beside its button, and what the button says: while a run goes on, the next one
// waits.
import {hear, tell} from '../core/channel.js';
import {el, intoView} from '../core/dom.js';
import {message} from '../core/notices.js';
import {answerOf} from './start_words.js';

const BUTTON = 'cs-train-start';

export function mount({element, props, watch}) {
  const root = element.querySelector('.cs-start-answer');
  function show() {
    const told = answerOf(props.value || {});
    if (!told) return;
    const dismiss = () => root.replaceChildren();
    root.replaceChildren(message(told.parts, told.kind, dismiss));
    if (!told.key) {
      if (told.kind === 'error') intoView(root);
      return;
    }
    const go = () => tell('studio:field', {key: told.key});
    root.firstChild.firstChild.append(el('button.cs-link', {type: 'button', onclick: go}, 'Show the setting'));
    go();
  }
  hear(element, 'studio:runs', ({going}) => {
    const button = document.getElementById(BUTTON);
    const label = going ? 'Queue another' : 'Start training';
    if (button && button.textContent.trim() !== label) button.textContent = label;
  });
  watch('value', show);
}
