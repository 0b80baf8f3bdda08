// Line icons and small controls that the adapter, picture and comparison parts share.
const ICONS = {
  up: 'M12 19V5M5 12l7-7 7 7', down: 'M12 5v14M5 12l7 7 7-7', close: 'M6 6l12 12M18 6L6 18',
  grip: 'M9 5h.01M15 5h.01M9 12h.01M15 12h.01M9 19h.01M15 19h.01', plus: 'M12 5v14M5 12h14',
  undo: 'M4 9h10a6 6 0 010 12h-3M4 9l5-5M4 9l5 5', refresh: 'M20 11a8 8 0 10-2.3 6.3M20 5v6h-6',
  check: 'M5 13l5 5L20 7', warn: 'M12 4l9 16H3L12 4zM12 10v4M12 17h.01',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1', download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  reuse: 'M4 12a8 8 0 0114-5l2 2M20 4v5h-5M20 12a8 8 0 01-14 5l-2-2M4 20v-5h5',
  left: 'M15 5l-7 7 7 7', right: 'M9 5l7 7-7 7', stop: 'M7 7h10v10H7z',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13', open: 'M5 12h14M13 6l6 6-6 6',
  seed: 'M5 5h14v14H5zM9 9h.01M15 9h.01M9 15h.01M15 15h.01M12 12h.01',
  picture: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01', minus: 'M5 12h14', more: 'M5 12h.01M12 12h.01M19 12h.01', text: 'M4 6h16M4 12h16M4 18h9', cube: 'M12 3l8 4.5v9L12 21l-8-4.5v-9L12 3zM4 7.5l8 4.5 8-4.5M12 12v9', star: 'M12 3.5l2.6 5.4 5.9.8-4.300 4.100 1.100 5.900L12 16.900l-5.300 2.800 1.100-5.900L3.500 9.700l5.900-.800z',
  save: 'M5 4h11l3 3v13H5V4zM8 4v5h7V4M8 20v-6h8v6', folder: 'M3 6h6l2 2h10v11H3V6z',
};

function icon(name, size = 16) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  const path = document.createElementNS(space, 'path');
  for (const [key, value] of Object.entries({
    viewBox: '0 0 24 24', width: size, height: size, fill: 'none', stroke: 'currentColor',
    'stroke-width': name === 'grip' || name === 'more' ? 3 : 2, 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true',
  })) svg.setAttribute(key, value);
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

function iconButton(name, label, onclick, extra = '') {
  return cs.el('button.cs-button.cs-quiet.cs-icon' + extra, {type: 'button', title: label, 'aria-label': label, onclick}, icon(name));
}

const labelled = (name, label, onclick, extra = '') =>
  cs.el('button.cs-button' + extra, {type: 'button', onclick}, name && icon(name, 15), label);

// A button that opens a list of actions: `entries()` → [[label, action], …] each time it opens.
function menuButton(label, entries) {
  const list = cs.el('div.cs-menu', {role: 'menu', popover: 'auto', onkeydown: (event) => {
    const all = [...list.children], at = all.indexOf(document.activeElement), by = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    all[(at + by + all.length) % all.length].focus();
  }});
  const button = iconButton('more', label, () => {
    list.replaceChildren(...entries().map(([text, action]) => cs.el('button', {type: 'button', role: 'menuitem',
      onclick: () => { list.hidePopover(); action(); }}, text)));
    list.showPopover();
    const box = button.getBoundingClientRect(), own = list.getBoundingClientRect();
    list.style.left = `${Math.max(8, Math.min(box.right - own.width, innerWidth - own.width - 8))}px`;
    list.style.top = `${box.bottom + own.height + 8 > innerHeight ? Math.max(8, box.top - own.height - 4) : box.bottom + 4}px`;
    list.firstChild?.focus();
  });
  button.setAttribute('aria-haspopup', 'menu');
  return cs.el('span', {}, button, list);
}

// Whole words of a prompt, in any script; `cat` is not in “category”.
const lacksWord = (text, word) => !new RegExp(`(^|[^\\p{L}\\p{N}_])${word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}($|[^\\p{L}\\p{N}_])`, 'iu').test(text);
const withWord = (text, word) => text.trim() ? `${text.trim()}${/[,.]$/.test(text.trim()) ? ' ' : ', '}${word}` : word;

// Small pictures are shown large but not larger than `most` times, with their pixels visible.
function fit(image, most) {
  image.style.maxWidth = `${image.naturalWidth * most}px`;
  image.style.maxHeight = `${image.naturalHeight * most}px`;
  image.classList.toggle('cs-pixel', image.naturalWidth <= 160);
}

async function copyText(text, what) {
  try { await navigator.clipboard.writeText(text); } catch (refused) { // no clipboard over plain http
    const area = cs.el('textarea', {value: text, style: 'position:fixed;opacity:0'});
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  cs.notice(what, 'good', 2.5);
}

const clone = (value) => JSON.parse(JSON.stringify(value ?? null));

// The value of a part whose value is made in the browser. When a tab opens for the first time, Gradio
// makes its parts, waits for a frame, and then gives each the value that Python last set once more: it
// would undo what a part took until then. So until two frames have passed (frames, not a time: they
// come after Gradio's own however slow the page is) that very value is no news, and ours is put back.
function ownValue(news) {
  const text = () => JSON.stringify(props.value ?? null);
  let own = text(), told = own, fresh = true;
  requestAnimationFrame(() => requestAnimationFrame(() => { fresh = false; }));
  watch('value', () => {
    const now = text();
    if (now === own) return;
    if (fresh && now === told) {
      props.value = JSON.parse(own);
      trigger('input', props.value);
      return;
    }
    own = told = now;
    news();
  });
  return (value) => { own = JSON.stringify(value ?? null); props.value = JSON.parse(own); };
}

// Listens on the document for as long as the component is on the page.
function hear(name, callback) {
  const listener = (event) => {
    if (!element.isConnected) document.removeEventListener(name, listener);
    else callback(event.detail);
  };
  document.addEventListener(name, listener);
}
const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, {detail}));

const laneTitle = (lane, k) => lane.name || `Lane ${k + 1}`;

const KIND_TITLES = {lora: 'LoRA', embedding: 'Embedding', hypernetwork: 'Hypernetwork', aesthetic: 'Aesthetic', checkpoint: 'Checkpoint'};

function adapterThumb(facts, size = '') {
  if (facts.preview) return cs.el('img.st-thumb' + size, {src: cs.file(facts.preview), alt: '', draggable: 'false', loading: 'lazy'});
  return cs.el('span.st-thumb.st-glyph' + size, {'data-kind': facts.kind || '', 'aria-hidden': 'true'}, facts.kind === 'checkpoint' ? icon('cube', 20) : (facts.name || '?').trim().slice(0, 1).toUpperCase());
}

function adapterFacts(facts) {
  return cs.el('span.st-meta', {},
    facts.kind && cs.el('span.st-kind', {'data-kind': facts.kind}, KIND_TITLES[facts.kind] || facts.kind),
    facts.family_title && cs.el('span', {}, facts.family_title),
    facts.size ? cs.el('span.cs-number', {}, cs.bytes(facts.size)) : null);
}
