// The library of adapters. Owns: search, filter, rows that can be added or dragged.
// Refuses to know: the stack; it only announces what was chosen.
const BATCH = 40;
let adapters = null, shown = BATCH;
const q = (selector) => element.querySelector(selector);

function found() {
  const words = q('.sh-search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = q('.cs-switch').getAttribute('aria-checked') === 'true';
  return (adapters || []).filter((card) => (!fits || !card.problem)
    && words.every((word) => `${card.name} ${card.kind} ${card.trigger} ${card.family_title}`.toLowerCase().includes(word)));
}

function row(card) {
  const add = iconButton('plus', `Add ${card.name} to the stack`, () => tell('studio:stack-add', {target: props.target, paths: [card.path]}));
  const node = cs.el('li.sh-row', {draggable: 'true', title: card.problem || 'Drag onto the stack'},
    adapterThumb(card, '.sh-thumb'),
    cs.el('div.st-title', {}, cs.el('b', {}, card.name), card.problem ? cs.el('span.sh-problem', {}, card.problem) : adapterFacts(card)),
    cs.el('span.cs-spacer'), add);
  if (card.problem) node.classList.add('is-unfit');
  node.addEventListener('dragstart', (event) => {
    event.dataTransfer.setData('application/x-studio-adapter', JSON.stringify({path: card.path, from: 'library'}));
    event.dataTransfer.effectAllowed = 'copy';
  });
  node.addEventListener('dblclick', () => add.click());
  return node;
}

function draw() {
  const list = found(), empty = q('.sh-empty');
  q('.sh-count').textContent = adapters ? (list.length === adapters.length ? String(list.length) : `${list.length} of ${adapters.length}`) : '';
  q('.sh-list').replaceChildren(...list.slice(0, shown).map(row));
  if (list.length > shown) {
    const more = cs.el('li.sh-more.cs-small.cs-muted', {}, `${list.length - shown} more …`);
    q('.sh-list').append(more);
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      shown += BATCH;
      const next = found().slice(shown - BATCH, shown).map(row);
      more.before(...next);
      if (list.length > shown) draw(); else more.remove();
    }, {root: q('.sh-list')}).observe(more);
  }
  empty.hidden = !adapters || list.length > 0;
  empty.textContent = adapters && !adapters.length
    ? 'Adapters come from the Train tab: every finished run appears here. Files from elsewhere: drop them on the stack above.'
    : 'Nothing fits this search. Clear it, or switch the filter off.';
}

async function load() {
  await cs.attempt(async () => { adapters = await cs.call(server.library({base: props.base})); });
  draw();
}

q('.sh-refresh').append(iconButton('refresh', 'Look again', load));
q('.sh-search').addEventListener('input', () => { shown = BATCH; q('.sh-list').scrollTop = 0; draw(); });
q('.cs-switch').addEventListener('click', (event) => {
  const on = event.currentTarget.getAttribute('aria-checked') !== 'true';
  event.currentTarget.setAttribute('aria-checked', String(on));
  shown = BATCH;
  draw();
});
hear('studio:library', load);
watch('base', load);
new IntersectionObserver((entries) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  trigger('shown');
  load();
}).observe(element);
