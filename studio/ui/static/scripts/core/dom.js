// Making elements. Text from people or files is only ever set through textContent.

function setAttribute(node, key, value) {
  if (value === undefined || value === null) return;
  if (key.startsWith('aria-')) node.setAttribute(key, String(value));
  else if (key === 'value' || key === 'disabled' || key === 'checked') node[key] = value;
  else if (value === false) return;
  else if (key.startsWith('on') && typeof value === 'function') node.addEventListener(key.slice(2), value);
  else if (key === 'style' && typeof value === 'object') {
    for (const [name, one] of Object.entries(value)) node.style.setProperty(name, one);
  } else node.setAttribute(key, value === true ? '' : String(value));
}

/** el('button.cs-button', {type: 'button', onclick}, 'text', child, …); empty children are left out. */
export function el(spec, attributes = {}, ...children) {
  const [tag, ...classes] = spec.split('.');
  const node = document.createElement(tag || 'div');
  if (classes.length) node.className = classes.join(' ');
  for (const [key, value] of Object.entries(attributes || {})) setAttribute(node, key, value);
  for (const child of children.flat(9)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

/** A shape of an SVG drawing, with its attributes. */
export function svg(tag, attributes, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** Where dialogs and messages go, so that they have the page's colours. Inside of `.contain`: Gradio gives
 *  what a style sheet says of narrow screens (`@media`) to that part of the page alone. */
export const pageRoot = () => document.querySelector('.gradio-container .contain') || document.body;

/** Closes a dialog by a click beside what it shows. */
export function closeBeside(dialog) {
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
}

/** Shows a dialog until it is closed: focus stays inside, Escape closes it, and then it is gone. One
 *  with fields stands inside of its part (`host`), where they have the page's shape. */
export function openDialog(dialog, host = pageRoot()) {
  dialog.addEventListener('close', () => dialog.remove());
  host.append(dialog);
  dialog.showModal();
}

/** Fills a select with [value, label] pairs and chooses one of them, the first where `chosen` is none. */
export function fillOptions(select, entries, chosen) {
  select.replaceChildren(...entries.map(([value, label]) => el('option', {value}, label)));
  if (entries.some(([value]) => value === chosen)) select.value = chosen;
}

/** Whether a switch (`role=switch`) is on. */
export const isOn = (node) => node.getAttribute('aria-checked') === 'true';

/** Puts a switch into its other state. */
export const flip = (node) => node.setAttribute('aria-checked', String(!isOn(node)));

/** Scrolls to the beginning of something that cannot be seen in full where the page stands. */
export function intoView(node) {
  const {top, bottom} = node.getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) node.scrollIntoView({block: 'start'});
}

/** Whether files are being dragged from outside of the page. */
export const bringsFiles = (event) => [...(event.dataTransfer?.types || [])].includes('Files');

/** Small images show their pixels instead of being blurred. */
export function sharpen(image, below = 161) {
  image.classList.toggle('cs-pixel', image.naturalWidth < below);
}

/** Small images are shown large, but not larger than `most` times. */
export function fitImage(image, most) {
  image.style.maxWidth = `${image.naturalWidth * most}px`;
  image.style.maxHeight = `${image.naturalHeight * most}px`;
  sharpen(image);
}
