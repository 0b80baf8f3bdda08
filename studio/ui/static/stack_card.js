// One card of the adapter stack: strength, switch, order, what the adapter did. Its surroundings
// hand it `known` facts and what its buttons do; it refuses to know the list it is in.
const clamp = (value) => Math.round(Math.max(-10, Math.min(10, value)) * 1000) / 1000;

function cardView(path, {lane, patch, remove, step, shift, move, measure, stopMeasuring}) {
  const slider = cs.el('input.st-slider', {type: 'range', min: -1, max: 2, step: 0.05});
  const number = cs.el('input.cs-input.st-number', {type: 'number', min: -10, max: 10, step: 0.05});
  const paint = () => slider.style.setProperty('--fill', `${(Number(slider.value) + 1) / 3 * 100}%`);
  slider.addEventListener('input', () => { number.value = Number(slider.value).toFixed(2); paint(); });
  slider.addEventListener('change', () => patch(path, {strength: clamp(Number(slider.value))}));
  slider.addEventListener('dblclick', () => patch(path, {strength: 1}));
  number.addEventListener('change', () => {
    if (number.value !== '') patch(path, {strength: clamp(Number(number.value))}); else patch(path, {});
  });

  const stepsNumber = cs.el('input.cs-input.st-number', {type: 'number', min: 0, max: 100, step: 1, placeholder: 'own',
    title: 'Tuning steps per prompt: more is stronger, and further from the prompt; empty takes the file’s own, or 5', 'aria-label': 'Steps per prompt'});
  stepsNumber.addEventListener('change', () => {
    const {steps, ...others} = shownItem.aesthetic || {}, count = Math.round(Math.max(0, Math.min(100, Number(stepsNumber.value))));
    patch(path, {aesthetic: stepsNumber.value === '' ? others : {...others, steps: count}});
  });

  const toggle = cs.el('button.cs-switch', {type: 'button', role: 'switch',
    onclick: () => patch(path, {enabled: toggle.getAttribute('aria-checked') !== 'true'})});
  const up = iconButton('up', 'Move up', () => { step(path, -1); up.focus(); }, '.st-step');
  const down = iconButton('down', 'Move down', () => { step(path, 1); down.focus(); }, '.st-step');
  const close = iconButton('close', 'Remove from the stack', () => remove(path));
  const more = menuButton('What can be done with this card', () => [
    ['What is in this file', () => showInside(path)],
    ['Measure its effect', () => measure(path)],
    ...lanes.flatMap((_, k) => k === lane ? [] : [[`Move to ${laneName(k)}`, () => move(path, k, false)], [`Copy to ${laneName(k)}`, () => move(path, k, true)]]),
    ['Move up', () => step(path, -1)], ['Move down', () => step(path, 1)],
  ]);
  const badge = cs.el('span.st-place.cs-number', {'aria-hidden': 'true'});
  const head = cs.el('div.st-head'), words = cs.el('div.st-words'), note = cs.el('div.st-notes');
  const stop = cs.el('button.st-stop', {type: 'button', hidden: true, onclick: () => { stop.disabled = true; stopMeasuring(); }}, 'Stop measuring');
  const folded = moreView(path, patch);
  const steps = cs.el('label.st-text', {hidden: true}, 'steps', stepsNumber);
  const node = cs.el('li.st-card', {draggable: 'true', tabindex: 0},
    cs.el('span.st-grip', {title: 'Drag to reorder, or into another lane; with Ctrl or Alt a copy (keys: Alt + arrows)'}, badge, icon('grip')),
    cs.el('div.st-body', {},
      cs.el('div.st-top', {}, head, cs.el('div.st-tools', {}, toggle, up, down, more, close)),
      words, cs.el('div.st-strength', {}, cs.el('span', {}, 'Strength'), slider, number, steps), folded.node, note, stop));

  // A slider or a button inside a draggable card must not start a card drag.
  node.addEventListener('mousedown', (event) => { node.draggable = !event.target.closest('input, button, details'); });
  node.addEventListener('mouseup', () => { node.draggable = true; });
  node.addEventListener('dragstart', (event) => {
    event.dataTransfer.setData(ADAPTER, JSON.stringify({path, from: props.target, lane}));
    event.dataTransfer.effectAllowed = 'copyMove';
    node.classList.add('is-dragged');
  });
  node.addEventListener('dragend', () => { node.classList.remove('is-dragged'); node.draggable = true; });
  node.addEventListener('keydown', (event) => {
    if (event.altKey && event.key === 'ArrowUp') step(path, -1);
    else if (event.altKey && event.key === 'ArrowDown') step(path, 1);
    else if (event.altKey && event.key === 'ArrowLeft') shift(path, -1, event.ctrlKey || event.metaKey);
    else if (event.altKey && event.key === 'ArrowRight') shift(path, 1, event.ctrlKey || event.metaKey);
    else if (event.key === 'Delete' && event.target === node) return remove(path);
    else return;
    event.preventDefault();
  });

  let shown = '', shownItem = {};
  function sync(item, index, items) {
    // what is being typed is not overwritten because something else on the page moved
    const fill = (input, value) => { if (item !== shownItem || document.activeElement !== input) input.value = value; };
    const facts = known.get(path) || {name: path.split(/[\\/]/).pop(), loading: true};
    const report = (props.reports || {})[path];
    const effect = effects.get(effectKey(lane, path));
    const order = orderNote(item, facts, items);
    const key = JSON.stringify([facts, report, effect, order]);
    if (key !== shown) {
      shown = key;
      head.replaceChildren(adapterThumb(facts), cs.el('div.st-title', {}, cs.el('b', {title: path}, facts.name), adapterFacts(facts)));
      words.replaceChildren(...(facts.trigger ? [cs.el('span.cs-small.cs-muted', {}, 'Trigger'), cs.el('span.cs-chip', {}, facts.trigger)] : []));
      note.replaceChildren(...(effect?.difference === null ? [] : notes(facts, report, order)), ...told(effect),
        ...(effect || facts.loading ? [] : [cs.el('button.st-ask', {type: 'button', title: 'Draws the first picture with and without this file, and says by how much it differs', onclick: () => measure(path)},
          facts.problem || report?.problem ? 'Why? Look at its layers' : 'Measure its effect')]));
      slider.setAttribute('aria-label', `Strength of ${facts.name}`);
      number.setAttribute('aria-label', `Strength of ${facts.name} as a number`);
      toggle.setAttribute('aria-label', `Use ${facts.name}`);
      steps.hidden = facts.kind !== 'aesthetic';
    }
    stop.hidden = !effect?.running;
    if (stop.hidden) stop.disabled = false;
    toggle.setAttribute('aria-checked', String(item.enabled));
    toggle.title = item.enabled ? 'On: switch it off' : 'Off: switch it on';
    node.classList.toggle('is-off', !item.enabled);
    fill(slider, String(item.strength));
    fill(number, Number(item.strength).toFixed(2));
    folded.sync(item, facts.kind);
    fill(stepsNumber, item.aesthetic?.steps ?? '');
    shownItem = item;
    badge.textContent = String(index + 1);
    node.setAttribute('aria-label', `${facts.name}, place ${index + 1} of ${items.length}`);
    up.disabled = index === 0;
    down.disabled = index === items.length - 1;
    paint();
  }
  return {node, sync};
}

const line = (kind, text) => cs.el('p.st-note', {'data-kind': kind}, icon(kind === 'good' ? 'check' : 'warn', 14), cs.el('span', {}, text));

// What was measured: {difference, reason, layers: {fits, size, missing}}, or {running, text, share}.
function told(effect) {
  if (!effect) return [];
  if (effect.running) return [cs.el('p.st-note', {role: 'status'}, cs.el('span', {}, `${effect.text}${effect.share ? ` ${Math.round(effect.share * 100)} %` : ''}`))];
  const layers = effect.layers || {}, lists = [['fits', 'fit'], ['size', 'of another size'], ['missing', 'not in this base']].filter(([name]) => layers[name]?.length);
  const inside = lists.length > 1 || effect.difference === null ? lists.map(([name, words]) => cs.el('details.st-details', {},
    cs.el('summary', {}, `${layers[name].length} ${layers[name].length === 1 ? 'layer' : 'layers'} ${words}`),
    cs.el('ul', {}, layers[name].slice(0, 200).map((key) => cs.el('li.cs-mono', {}, key)),
      layers[name].length > 200 && cs.el('li', {}, `and ${layers[name].length - 200} more`)))) : [];
  if (effect.difference === null) return [line('warn', `Cannot be used here. ${effect.reason}`), ...inside];
  if (!effect.difference) return [line('warn', `No effect. ${effect.reason}`), ...inside];
  const note = line('good', `Changes the picture by ${percent(effect.difference)} (seed ${effect.seed})`);
  note.title = 'Mean difference of a pixel between the pictures with and without this file, all else the same; 100 % is black against white';
  return [note, ...inside];
}
const percent = (share) => share < 0.0005 ? 'less than 0.1 %' : `${(share * 100).toFixed(1)} %`;

function notes(facts, report, order) {
  const first = order ? [cs.el('p.st-note.st-order', {}, icon('up', 14), cs.el('span', {}, order))] : [];
  if (facts.problem) return [...first, line('warn', facts.problem)];
  if (!report) return first;
  if (report.problem) return [...first, line('warn', report.problem)];
  if (!report.unmatched.length) return [...first, line('good', report.message)];
  return [...first, line('warn', report.message), cs.el('details.st-details', {},
    cs.el('summary', {}, `${report.unmatched_count || report.unmatched.length} not used`),
    cs.el('ul', {}, report.unmatched.map((name) => cs.el('li.cs-mono', {}, name))))];
}
