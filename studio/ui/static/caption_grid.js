// The picture grid of the Caption tab: virtual (only what is visible exists), captions editable in
// place. Owns: cells, scrolling, selection, when a caption is saved. Refuses to know: datasets.
function captionGrid({save, thumbnails, changed}) {
  const view = cs.el('div.cs-captions', {tabindex: '-1', 'aria-label': 'Pictures and captions'});
  const canvas = cs.el('div.cs-captions-canvas');
  view.append(canvas);
  const cells = new Map(), waiting = new Map(), pictures = new Map(), asked = new Set();
  const selected = new Set();
  let locked = false, items = [], shown = [], filter = {state: 'all', text: ''}, width = 220, anchor = null;

  const matches = (item) => {
    const empty = !item.caption.trim();
    if (filter.state === 'missing' && !empty) return false;
    if (filter.state === 'selected' && !selected.has(item.file)) return false;
    if (filter.state === 'broken' && !item.problem) return false;
    if (filter.state === 'look' && !item.look) return false;
    const words = filter.text.trim().toLowerCase();
    return !words || (item.caption + ' ' + item.file).toLowerCase().includes(words);
  };

  function measure() {
    const room = Math.max(200, view.clientWidth - 14), gap = 12;
    const columns = Math.max(1, Math.floor((room + gap) / (width + gap)));
    const cell = (room - gap * (columns - 1)) / columns;
    return {columns, cell, gap, height: Math.round(Math.min(cell, 340)) + 102};
  }

  function flush(file) {
    const entry = waiting.get(file);
    if (!entry) return;
    clearTimeout(entry.timer);
    waiting.delete(file);
    const mark = (text, kind) => { const c = cells.get(file); if (c) { c.status.textContent = text; c.status.dataset.kind = kind; } };
    save(file, entry.text).then(() => { if (!waiting.has(file)) mark('Saved', 'good'); }, (error) => {
      mark('Not saved', 'bad');
      cs.notice(error.parts || {what: 'The caption was not saved'});
    });
  }

  function typed(item, text) {
    item.caption = text;
    item.look = '';
    cells.get(item.file).node.classList.remove('is-look');
    const entry = waiting.get(item.file) || {};
    clearTimeout(entry.timer);
    waiting.set(item.file, {text, timer: setTimeout(() => flush(item.file), 600)});
    const cell = cells.get(item.file);
    cell.status.textContent = 'Saving…';
    cell.status.dataset.kind = '';
    cell.node.classList.toggle('is-empty', !text.trim());
    changed();
  }

  function select(file, extend) {
    if (extend && anchor !== null) {
      const [from, to] = [shown.findIndex((i) => i.file === anchor), shown.findIndex((i) => i.file === file)].sort((a, b) => a - b);
      shown.slice(Math.max(0, from), to + 1).forEach((item) => selected.add(item.file));
    } else if (!selected.delete(file)) selected.add(file);
    anchor = file;
    for (const [name, cell] of cells) mark(name, cell);
    changed();
  }
  /** A picture for which the captioner found no usable words, until somebody writes some. */
  function looked(item, cell) {
    cell.node.classList.toggle('is-look', Boolean(item.look));
    if (!item.look && cell.status.dataset.kind === 'look') { cell.status.textContent = ''; cell.status.dataset.kind = ''; }
    if (!item.look || cell.status.textContent && cell.status.dataset.kind !== 'look') return;
    cell.status.textContent = 'Needs a look';
    cell.status.title = item.look;
    cell.status.dataset.kind = 'look';
  }
  function mark(file, cell) {
    cell.node.classList.toggle('is-selected', selected.has(file));
    cell.pick.setAttribute('aria-pressed', selected.has(file));
  }

  function make(item) {
    const status = cs.el('span.cs-caption-status.cs-small', {'aria-live': 'polite'});
    const picture = cs.el('span.cs-caption-picture.cs-skeleton');
    const pick = cs.el('button.cs-caption-pick', {type: 'button', title: `${item.file}: select`,
      'aria-label': `Select ${item.file}`, onclick: (event) => select(item.file, event.shiftKey)},
      picture, cs.el('span.cs-caption-tick', {'aria-hidden': 'true'}, icon('check', 14)));
    const text = cs.el('textarea.cs-input', {rows: 3, readonly: locked, spellcheck: 'true', placeholder: 'No caption yet',
      'aria-label': `Caption of ${item.file}`, value: item.caption,
      oninput: () => typed(item, text.value), onblur: () => flush(item.file),
      onkeydown: (event) => {
        if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        go(shown.indexOf(item) + (event.shiftKey ? -1 : 1));
      }});
    const node = cs.el('div.cs-cell.cs-caption-cell', {}, pick, text,
      cs.el('div.cs-caption-foot', {}, cs.el('span.cs-caption-name.cs-small.cs-muted', {title: item.file}, item.file), status));
    node.classList.toggle('is-empty', !item.caption.trim());
    const cell = {node, text, status, pick, picture, item};
    cells.set(item.file, cell);
    canvas.append(node);
    mark(item.file, cell);
    looked(item, cell);
    if (item.problem) broken(cell, item.problem); else show(item.file);
    return cell;
  }
  function broken(cell, reason) {
    cell.picture.classList.remove('cs-skeleton');
    cell.picture.replaceChildren(cs.el('span.cs-caption-broken', {}, icon('warn', 22),
      cs.el('b', {}, 'Left out'), cs.el('span', {}, reason)));
    cell.text.disabled = true;
  }
  function show(file) {
    const cell = cells.get(file), address = pictures.get(file);
    if (!cell || !address) return;
    if (address.problem) { broken(cell, address.problem); return; }
    const image = cs.el('img', {alt: '', decoding: 'async', draggable: 'false'});
    image.onload = () => { cell.picture.classList.remove('cs-skeleton'); image.classList.toggle('cs-pixel', image.naturalWidth < 160); };
    image.src = cs.file(address.path);
    cell.picture.replaceChildren(image);
  }
  const fetchPictures = cs.debounce(async () => {
    const wanted = [...cells.keys()].filter((file) => !pictures.has(file) && !asked.has(file));
    for (let at = 0; at < wanted.length; at += 24) {
      const files = wanted.slice(at, at + 24);
      files.forEach((file) => asked.add(file));
      try {
        for (const [file, address] of Object.entries(await thumbnails(files))) { pictures.set(file, address); show(file); }
      } catch (error) { files.forEach((file) => asked.delete(file)); }
    }
  }, 30);

  function draw() {
    const {columns, cell, gap, height} = measure();
    canvas.style.height = `${Math.max(0, Math.ceil(shown.length / columns) * (height + gap) - gap)}px`;
    const first = Math.max(0, Math.floor(view.scrollTop / (height + gap)) - 2) * columns;
    const last = (Math.ceil((view.scrollTop + (view.clientHeight || 700)) / (height + gap)) + 2) * columns;
    const keep = new Set();
    shown.slice(first, last).forEach((item, offset) => {
      const index = first + offset, made = cells.get(item.file) || make(item);
      keep.add(item.file);
      const style = made.node.style;
      style.width = `${cell}px`; style.height = `${height}px`;
      style.transform = `translate(${(index % columns) * (cell + gap)}px, ${Math.floor(index / columns) * (height + gap)}px)`;
    });
    for (const [file, made] of cells) {
      if (keep.has(file) || made.node.contains(document.activeElement)) continue;
      flush(file);
      made.node.remove();
      cells.delete(file);
    }
    fetchPictures();
  }
  function go(index) {
    const item = shown[index];
    if (!item) return;
    const {columns, gap, height} = measure(), top = Math.floor(index / columns) * (height + gap);
    if (top < view.scrollTop || top + height > view.scrollTop + view.clientHeight) view.scrollTop = Math.max(0, top - gap);
    draw();
    cells.get(item.file)?.text.focus();
  }
  function refilter() { shown = items.filter(matches); draw(); }

  view.addEventListener('scroll', () => requestAnimationFrame(draw));
  new ResizeObserver(draw).observe(view);
  window.addEventListener('pagehide', () => [...waiting.keys()].forEach(flush));

  return {
    node: view,
    selected,
    /** Shows a dataset: [{file, caption, problem?}]; a sample may only be looked at. */
    open(next, readOnly) {
      [...waiting.keys()].forEach(flush);
      for (const cell of cells.values()) cell.node.remove();
      cells.clear(); pictures.clear(); asked.clear(); selected.clear();
      items = next; locked = readOnly; anchor = null; view.scrollTop = 0;
      refilter();
    },
    /** New captions from the server, except for what is being typed, and which need a look. */
    update(captions, looks) {
      for (const item of items) {
        if (!(item.file in captions) || waiting.has(item.file)) continue;
        item.caption = captions[item.file];
        item.look = looks[item.file] || '';
        const cell = cells.get(item.file);
        if (cell) looked(item, cell);
        if (!cell || cell.text === document.activeElement || cell.text.value === item.caption) continue;
        cell.text.value = item.caption;
        cell.status.textContent = '';
        cell.node.classList.toggle('is-empty', !item.caption.trim());
        cell.node.classList.add('is-new');
        setTimeout(() => cell.node.classList.remove('is-new'), 1200);
      }
      if (filter.state !== 'all') refilter();
      changed();
    },
    filter(next) { filter = {...filter, ...next}; refilter(); return shown.length; },
    size(next) { width = next; draw(); },
    selectShown() { shown.forEach((item) => selected.add(item.file)); for (const [f, c] of cells) mark(f, c); changed(); },
    clearSelection() { selected.clear(); for (const [f, c] of cells) mark(f, c); changed(); },
    flush() { [...waiting.keys()].forEach(flush); },
    counts: () => ({all: items.length, shown: shown.length, selected: selected.size,
      captioned: items.filter((item) => item.caption.trim() && !item.problem).length,
      looks: items.filter((item) => item.look).length, broken: items.filter((item) => item.problem).length}),
  };
}
