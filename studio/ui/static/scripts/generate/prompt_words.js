// Offers the stack's trigger words while the prompt lacks them.
import {hear, tell} from '../core/channel.js';
import {el} from '../core/dom.js';
import {icon} from '../core/icons.js';
import {lacksWord, withWord} from '../core/words.js';

export function mount(part) {
  const {element, props} = part;
  let words = [];
  const host = element.querySelector('.pw-words');
  const box = () => document.querySelector(`#${props.prompt} textarea, #${props.prompt} input`);

  function insert(word) {
    const area = box();
    if (!area) return;
    area.value = withWord(area.value, word);
    area.dispatchEvent(new Event('input', {bubbles: true}));
    area.focus();
    render();
  }

  function render() {
    const missing = words.filter((word) => lacksWord(box()?.value || '', word));
    host.replaceChildren(
      ...(missing.length ? [el('span.cs-small.cs-muted', {}, 'Add the trigger word:')] : []),
      ...missing.map((word) =>
        el('button.cs-button.pw-word', {type: 'button', onclick: () => insert(word)}, icon('plus', 12), word),
      ),
    );
  }

  hear(element, 'studio:words', (detail) => {
    if (detail.target === props.target) {
      words = detail.words;
      render();
    }
  });
  document.addEventListener('input', (event) => {
    if (event.target === box()) render();
  });
  tell('studio:words?', {});
}
