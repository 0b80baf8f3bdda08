// Offers the stack's trigger words while the prompt lacks them.
let words = [];
const host = element.querySelector('.pw-words');
const box = () => document.querySelector(`#${props.prompt} textarea, #${props.prompt} input`);

function insert(word) {
  const area = box();
  if (!area) return;
  area.value = withWord(area.value, word);
  area.dispatchEvent(new Event('input', {bubbles: true}));
  area.focus();
  draw();
}

function draw() {
  const missing = words.filter((word) => lacksWord(box()?.value || '', word));
  host.replaceChildren(...(missing.length ? [cs.el('span.cs-small.cs-muted', {}, 'Add the trigger word:')] : []),
    ...missing.map((word) => cs.el('button.cs-button.pw-word', {type: 'button', onclick: () => insert(word)}, icon('plus', 12), word)));
}

hear('studio:words', (detail) => { if (detail.target === props.target) { words = detail.words; draw(); } });
document.addEventListener('input', (event) => { if (event.target === box()) draw(); });
tell('studio:words?', {});
