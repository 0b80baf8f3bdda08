// Cards to choose a method from: what it is, what it trains, what it costs here. A radio group.
// Owns: how the cards look and the keys. Refuses to know: where the facts come from.
function methodCards(choose) {
  const node = cs.el('div.cs-methods', {role: 'radiogroup', 'aria-label': 'Method'});
  let drawn = '';

  /** A drawing of our own; the page gets it as text so that it takes the page's colours. */
  function drawing(text) {
    const svg = document.importNode(new DOMParser().parseFromString(text, 'image/svg+xml').documentElement, true);
    svg.setAttribute('class', 'cs-method-drawing');
    svg.setAttribute('aria-hidden', 'true');
    return svg;
  }
  function cost(seen, base) {
    if (!seen) return cs.el('span.cs-method-cost', {title: `No run with this method on ${base} has finished in this workspace`}, 'Not measured here yet');
    const from = `Median of ${seen.runs} finished ${seen.runs === 1 ? 'run' : 'runs'} on ${base} in this workspace, ${seen.steps} steps`;
    return cs.el('span.cs-method-cost.cs-number', {title: from}, [seen.bytes && cs.bytes(seen.bytes), `${cs.seconds(seen.seconds)} here`].filter(Boolean).join(' · '));
  }
  function card(method, reason, chosen, focusable, base) {
    return cs.el('button.cs-method', {type: 'button', role: 'radio', 'aria-checked': chosen, disabled: Boolean(reason), 'data-method': method.name,
      tabindex: focusable ? '0' : '-1', onclick: () => choose(method.name)}, drawing(method.drawing),
      cs.el('span.cs-method-words', {}, cs.el('b', {}, method.title),
        cs.el('span.cs-small', {}, method.summary), reason ? cs.el('span.cs-method-reason.cs-small', {}, reason) : cost(method.seen[base], base)));
  }
  function draw(methods, chosen, family, base) {
    const key = JSON.stringify([methods, chosen, family, base]);
    if (key === drawn) return;
    drawn = key;
    const focused = node.contains(document.activeElement), free = methods.filter((m) => !m.unsupported[family]);
    const stop = (free.find((m) => m.name === chosen) || free[0])?.name;
    node.replaceChildren(...methods.map((m) => card(m, m.unsupported[family], m.name === chosen, m.name === stop, base)));
    if (focused) node.querySelector('[tabindex="0"]')?.focus();
  }
  node.addEventListener('keydown', (event) => {
    const by = {ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1}[event.key];
    if (!by) return;
    event.preventDefault();
    const free = [...node.children].filter((one) => !one.disabled), at = free.indexOf(document.activeElement);
    const next = free[(at + by + free.length) % free.length];
    if (next) choose(next.dataset.method);
  });
  return {node, draw};
}
