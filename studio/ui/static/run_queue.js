// Runs that wait: their order (drag, buttons, Alt + arrows), leaving, and what a failure does.
// Owns: how the queue looks. Refuses to know: the server (callbacks are handed in).
function runQueue(actions) {
  const list = cs.el('ol.cs-queue', {'aria-label': 'Waiting runs, the next one first'}), count = cs.el('span.cs-muted.cs-small'), notes = cs.el('div.cs-stack', {style: {gap: '8px'}});
  const policy = cs.el('button.cs-switch', {type: 'button', role: 'switch', 'aria-label': 'Go on with the next run when one has failed',
    onclick: () => { // it turns at once, so that a second click turns it back
      const on = policy.getAttribute('aria-checked') !== 'true';
      policy.setAttribute('aria-checked', on);
      before = '';
      cs.attempt(() => actions.policy(on));
    }});
  const node = cs.el('section.cs-card.cs-queue-card.cs-hidden', {'aria-label': 'Queue'},
    cs.el('div.cs-toolbar', {}, cs.el('h3.cs-card-title', {style: {margin: '0'}}, 'Queue'), count, cs.el('span.cs-spacer'),
      cs.el('span.cs-small', {'aria-hidden': 'true'}, 'Go on when a run fails'), policy), notes, list);
  let before = '', dragged = null, left = '';

  const move = (run, place, focus = null) => cs.attempt(async () => {
    await actions.reorder(run, place);
    if (focus) list.querySelector(`[data-run="${CSS.escape(run)}"] ${focus}:not(:disabled)`)?.focus();
  });
  function row(run, place, total) {
    const name = run.name || run.run;
    const up = iconButton('up', `${name}: earlier`, () => move(run.run, place - 1, '.cs-up'), '.cs-up'), down = iconButton('down', `${name}: later`, () => move(run.run, place + 1, '.cs-down'), '.cs-down');
    up.disabled = place === 0;
    down.disabled = place === total - 1;
    const item = cs.el('li.cs-queue-row', {draggable: 'true', tabindex: 0, 'data-run': run.run},
      cs.el('span.cs-queue-grip', {title: 'Drag to reorder (Alt + arrow keys)'}, icon('grip')), cs.el('span.cs-muted.cs-number.cs-queue-place', {}, place === 0 ? 'next' : `${place + 1}.`),
      cs.el('button.cs-queue-name', {type: 'button', onclick: () => actions.open(run.run)}, name),
      cs.el('span.cs-muted.cs-small', {}, [METHODS[run.method] || run.method, `on ${run.base}`, `${run.steps} steps`].join(' · ')), cs.el('span.cs-spacer'), up, down,
      iconButton('close', `Take ${name} out of the queue`, () => cs.attempt(() => actions.take(run.run))));
    item.addEventListener('keydown', (event) => {
      const by = event.altKey && {ArrowUp: -1, ArrowDown: 1}[event.key];
      if (!by || place + by < 0 || place + by >= total) return;
      event.preventDefault();
      cs.attempt(async () => { await actions.reorder(run.run, place + by); list.querySelector(`[data-run="${CSS.escape(run.run)}"]`)?.focus(); });
    });
    item.addEventListener('dragstart', (event) => { dragged = run.run; event.dataTransfer.setData('application/x-studio-run', run.run); event.dataTransfer.effectAllowed = 'move'; item.classList.add('is-dragged'); });
    item.addEventListener('dragend', () => { dragged = null; mark(-1); item.classList.remove('is-dragged'); });
    return item;
  }
  /** Before which row something dropped at this height goes. */
  const gap = (event) => {
    const at = [...list.children].findIndex((one) => { const box = one.getBoundingClientRect(); return event.clientY < box.top + box.height / 2; });
    return at < 0 ? list.children.length : at;
  };
  const mark = (at) => [...list.children].forEach((one, k, every) => { one.classList.toggle('is-before', k === at); one.classList.toggle('is-after', at === every.length && k === every.length - 1); });
  list.addEventListener('dragover', (event) => { if (dragged) { event.preventDefault(); mark(gap(event)); } });
  list.addEventListener('dragleave', (event) => { if (!list.contains(event.relatedTarget)) mark(-1); });
  list.addEventListener('drop', (event) => {
    if (!dragged) return;
    event.preventDefault();
    const run = dragged, to = gap(event), from = [...list.children].findIndex((one) => one.dataset.run === run);
    dragged = null;
    mark(-1);
    if (to !== from && to !== from + 1) move(run, to > from ? to - 1 : to);
  });
  const note = (parts, ...buttons) => { const made = cs.message(parts, 'warning'); made.append(cs.el('span.cs-toolbar', {}, buttons)); return made; };

  function update(queue, runs) {
    const named = (run) => runs.find((one) => one.run === run) || {run};
    const offered = queue.left.join() !== left ? queue.left : [];
    const key = JSON.stringify([queue, offered, queue.waiting.map(named)]);
    if (key === before || dragged) return;
    before = key;
    node.classList.toggle('cs-hidden', !queue.waiting.length && !queue.held && !offered.length);
    count.textContent = queue.waiting.length ? `${queue.waiting.length} waiting` : '';
    policy.setAttribute('aria-checked', String(queue.continue_on_error));
    policy.title = queue.continue_on_error ? 'The next run begins also when one has failed' : 'The queue waits for you when a run has failed';
    const focused = list.contains(document.activeElement) ? document.activeElement : null, of = focused?.closest('li').dataset.run;
    list.replaceChildren(...queue.waiting.map((run, place) => row(named(run), place, queue.waiting.length)));
    const again = focused && list.querySelector(`[data-run="${CSS.escape(of)}"]`);
    const same = focused === null || focused.tagName === 'LI' ? again : [...(again?.querySelectorAll('button') || [])].find((one) => one.ariaLabel === focused.ariaLabel);
    same?.focus();
    notes.replaceChildren(...[
      queue.held && note({what: `The queue waits because “${named(queue.held).name || queue.held}” failed`, why: 'The runs below have not begun.'},
        labelled(null, 'Go on', () => cs.attempt(actions.goOn), '.cs-primary')),
      offered.length && note({what: offered.length === 1 ? 'One run waited when the program ended' : `${offered.length} runs waited when the program ended`, why: offered.map((run) => named(run).name || run).join(', ')},
        labelled(null, 'Queue again', () => cs.attempt(actions.requeue), '.cs-primary'), labelled(null, 'Leave', () => { left = queue.left.join(); update(queue, runs); }, '.cs-quiet')),
    ].filter(Boolean));
  }
  return {node, update};
}
