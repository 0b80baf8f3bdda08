// Sample pictures of a run, prompt by prompt and step by step; the first column is step 0.
// Owns: the grid and the large view. Refuses to know: how pictures are made.
function sampleGrid() {
  const columns = new Map(); // step → {step, pictures: [address], prompts: [text]}
  const table = cs.el('div.cs-samples-table', {role: 'table', 'aria-label': 'Samples by prompt and step'});
  const scroller = cs.el('div.cs-samples-scroll', {tabindex: '0', 'aria-label': 'Samples, scroll sideways'}, table);
  const size = cs.el('input.cs-range', {type: 'range', min: 64, max: 240, value: 104, 'aria-label': 'Size of the samples', title: 'Size', oninput: () => table.style.setProperty('--cs-sample', `${size.value}px`)});
  const note = cs.el('span.cs-small.cs-muted');
  const empty = cs.el('p.cs-muted.cs-small', {style: {margin: '0'}}, 'The first row of pictures appears before the first step, so that every later one can be compared with it.');
  const node = cs.el('section.cs-card.cs-samples', {'aria-label': 'Samples'},
    cs.el('div.cs-toolbar', {}, cs.el('h3.cs-card-title', {style: {margin: '0'}}, 'Samples'), note, cs.el('span.cs-spacer'), size), empty, scroller);
  let prompts = [], rows = [], pinned = true;
  const large = cs.el('dialog.cs-lightbox', {'aria-label': 'Sample'});
  node.append(large);

  scroller.addEventListener('scroll', () => { pinned = scroller.scrollLeft + scroller.clientWidth > scroller.scrollWidth - 40; });
  const title = (step) => step === 0 ? 'before' : `step ${step}`;

  function cell(step, index) {
    const column = columns.get(step), address = column?.pictures[index];
    if (!address) return cs.el('div.cs-sample', {role: 'cell'});
    const image = cs.el('img', {src: address, alt: `${title(step)}: ${prompts[index]}`, loading: 'lazy', decoding: 'async'});
    image.onload = () => image.classList.toggle('cs-pixel', image.naturalWidth < 160);
    return cs.el('div.cs-sample', {role: 'cell'}, cs.el('button', {type: 'button', onclick: () => open(step, index), title: `${title(step)} · ${prompts[index]}`}, image));
  }
  function build() {
    const order = [...columns.keys()].sort((a, b) => a - b);
    const head = cs.el('div.cs-samples-row', {role: 'row'}, cs.el('div.cs-samples-prompt', {role: 'columnheader'}),
      order.map((step) => cs.el('div.cs-samples-step.cs-small.cs-number', {role: 'columnheader'}, title(step))));
    rows = prompts.map((prompt, index) => cs.el('div.cs-samples-row', {role: 'row'},
      cs.el('div.cs-samples-prompt.cs-small', {role: 'rowheader', title: prompt}, cs.el('span', {}, prompt || '(empty)')), order.map((step) => cell(step, index))));
    table.replaceChildren(head, ...rows);
    finish(order.length);
  }
  function finish(count) {
    empty.classList.toggle('cs-hidden', count > 0);
    scroller.classList.toggle('cs-hidden', !count);
    note.textContent = count ? `${prompts.length} prompts × ${count} moments, always the same noise` : '';
    if (pinned) scroller.scrollLeft = scroller.scrollWidth;
  }
  function add(event) {
    const known = columns.has(event.step), order = [...columns.keys()];
    const same = event.prompts.length === prompts.length && event.prompts.every((p, i) => p === prompts[i]);
    prompts = event.prompts;
    columns.set(event.step, event);
    if (known || !same || (order.length && event.step < Math.max(...order)) || !rows.length) { build(); return; }
    table.firstChild.append(cs.el('div.cs-samples-step.cs-small.cs-number', {role: 'columnheader'}, title(event.step)));
    rows.forEach((row, index) => row.append(cell(event.step, index)));
    finish(columns.size);
  }
  function open(step, index) {
    const order = [...columns.keys()].sort((a, b) => a - b);
    let at = order.indexOf(step), row = index;
    const show = () => {
      at = Math.max(0, Math.min(order.length - 1, at)); row = Math.max(0, Math.min(prompts.length - 1, row));
      const column = columns.get(order[at]), image = cs.el('img', {src: column.pictures[row], alt: prompts[row]});
      image.onload = () => image.classList.toggle('cs-pixel', image.naturalWidth < 300);
      large.replaceChildren(image, cs.el('div.cs-toolbar', {}, cs.el('b', {}, title(order[at])), cs.el('span.cs-muted', {}, prompts[row]), cs.el('span.cs-spacer'),
        iconButton('left', 'Earlier step', () => { at -= 1; show(); }), iconButton('right', 'Later step', () => { at += 1; show(); }), iconButton('close', 'Close', () => large.close())));
    };
    large.onkeydown = (event) => {
      const by = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
      if (!by) return;
      event.preventDefault(); at += by[0]; row += by[1]; show();
    };
    show();
    large.showModal();
  }
  large.addEventListener('click', (event) => { if (event.target === large) large.close(); });
  return {node, add, clear() { columns.clear(); prompts = []; rows = []; pinned = true; table.replaceChildren(); finish(0); }, columns: () => columns.size};
}
