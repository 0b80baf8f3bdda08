// One lane of the stack: heading, prompt of its own, ordered cards, where things may be dropped.
// Its surroundings hand it what its buttons do; it refuses to know the other lanes.
function laneView(at, act) {
  const cards = new Map();
  let lane = {name: '', prompt: '', stack: []}, asked = false;
  const name = cs.el('input.cs-input.st-name', {maxlength: 60, onchange: () => act.patchLane(at, {name: name.value.trim()})});
  const words = iconButton('text', 'A prompt of its own for this lane', () => {
    asked = !asked && !lane.prompt;
    if (!asked && lane.prompt) act.patchLane(at, {prompt: ''}, 'This lane takes the prompt of all lanes');
    sync(lane, true, true);
    if (asked) own.focus();
  });
  const twin = iconButton('copy', 'Duplicate this lane', () => act.addLane(at + 1, at));
  const close = iconButton('close', 'Remove this lane', () => act.removeLane(at));
  const head = cs.el('div.st-lanehead', {}, cs.el('span.st-number-of.cs-number', {'aria-hidden': 'true'}, at + 1), name, words, twin, close);
  const own = cs.el('textarea.cs-input.st-own', {rows: 2, 'aria-label': `Prompt of lane ${at + 1}`, placeholder: 'Prompt of this lane; empty takes the prompt of all',
    onchange: () => act.patchLane(at, {prompt: own.value.trim()})});
  const chips = cs.el('div.st-chips');
  const list = cs.el('ol.st-cards', {'aria-label': 'Adapter stack'});
  const hint = cs.el('div.st-hint');
  const zone = cs.el('div.st-zone', {}, hint, list);
  const node = cs.el('section.st-column', {onfocusin: act.focused, onmousedown: act.focused}, head, own, chips, zone);

  const has = (event, type) => [...event.dataTransfer.types].includes(type);
  const place = (event) => {
    const index = [...list.children].findIndex((child) => {
      const box = child.getBoundingClientRect();
      return event.clientY < box.top + box.height / 2;
    });
    return index < 0 ? list.children.length : index;
  };
  const mark = (index) => [...list.children].forEach((child, k, all) => {
    child.classList.toggle('is-before', k === index);
    child.classList.toggle('is-after', index === all.length && k === all.length - 1);
  });
  const over = (on) => { zone.classList.toggle('is-over', on); if (!on) mark(-1); };
  const copies = (event) => event.ctrlKey || event.altKey || event.metaKey;
  node.addEventListener('dragover', (event) => {
    if (!has(event, 'Files') && !has(event, ADAPTER)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = element.querySelector('.st-card.is-dragged') && !copies(event) ? 'move' : 'copy';
    over(true);
    mark(place(event));
  });
  node.addEventListener('dragleave', (event) => { if (!node.contains(event.relatedTarget)) over(false); });
  node.addEventListener('drop', (event) => {
    const index = place(event);
    over(false);
    if (!has(event, 'Files') && !has(event, ADAPTER)) return;
    event.preventDefault();
    act.focused();
    if (event.dataTransfer.files.length) return void act.take([...event.dataTransfer.files], at, index);
    let dragged;
    try { dragged = JSON.parse(event.dataTransfer.getData(ADAPTER)); } catch (broken) { return; }
    if (dragged.from === props.target) act.move(dragged.lane, dragged.path, at, index, copies(event));
    else act.add(dragged.path, at, index);
  });

  // What a card may do, with the lane already filled in.
  const forCard = {
    lane: at, patch: (path, fields) => act.patch(at, path, fields), remove: (path) => act.remove(at, path),
    step: (path, by) => act.step(at, path, by), shift: (path, by, copy) => act.shift(at, path, by, copy),
    move: (path, to, copy) => act.move(at, path, to, undefined, copy), measure: (path) => act.measure(at, path), stopMeasuring: act.stopMeasuring,
  };
  function flash(path) {
    const card = cards.get(path)?.node;
    if (!card) return;
    card.scrollIntoView({block: 'nearest', inline: 'nearest'});
    card.classList.remove('is-new');
    void card.offsetWidth; // restarts the animation
    card.classList.add('is-new');
    if (element.contains(document.activeElement) || document.activeElement === document.body) card.focus({preventScroll: true});
  }
  function offer() {
    const text = lane.prompt || prompt(), missing = triggers(lane).filter((word) => lacksWord(text, word));
    const add = (word) => act.patchLane(at, {prompt: withWord(text, word)}, `${word} added to the prompt of this lane`);
    chips.replaceChildren(...(missing.length ? [cs.el('span.cs-small.cs-muted', {}, 'Not in the prompt yet:')] : []),
      ...missing.map((word) => cs.el('button.cs-button.pw-word', {type: 'button', title: 'Add it to this lane’s prompt', onclick: () => add(word)}, icon('plus', 12), word)));
  }
  function sync(next, many, focused) {
    lane = next;
    node.classList.toggle('is-current', many && focused);
    for (const part of [node, list]) part.setAttribute('aria-label', many ? `Adapters of ${laneName(at)}` : 'Adapter stack');
    zone.classList.toggle('is-empty', !lane.stack.length);
    head.hidden = !many;
    if (document.activeElement !== name || !many) name.value = laneName(at);
    name.setAttribute('aria-label', `Name of lane ${at + 1}`);
    close.title = `Remove ${laneName(at)}`;
    own.hidden = !lane.prompt && !(many && asked);
    if (document.activeElement !== own) own.value = lane.prompt;
    words.setAttribute('aria-pressed', String(!own.hidden));
    words.title = lane.prompt ? 'Back to the prompt of all lanes' : 'A prompt of its own for this lane';
    twin.disabled = lanes.length >= MOST;
    if (many) offer(); else chips.replaceChildren();
    hint.replaceChildren(...(many
      ? [cs.el('b', {}, 'The base alone'), 'Drop adapter files here, or drag cards from other lanes.']
      : [cs.el('b', {}, 'Drop adapter files here'), 'or add them from the library below. They are applied from top to bottom; a generated picture dropped here brings its settings back.']));
    for (const [path, card] of cards) if (!lane.stack.some((item) => item.path === path)) { card.node.remove(); cards.delete(path); }
    lane.stack.forEach((item, index) => {
      if (!cards.has(item.path)) cards.set(item.path, cardView(item.path, forCard));
      const card = cards.get(item.path);
      if (list.children[index] !== card.node) list.insertBefore(card.node, list.children[index] || null);
      card.sync(item, index, lane.stack);
    });
  }
  return {node, sync, flash, over, focus: () => name.focus()};
}
