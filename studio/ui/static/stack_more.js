// The folded part of a stack card: strength on the text, the part of the sampling, block weights.
// Refuses to know: the card around it. Block weights are checked by Python, which knows the base.
const RANGED = ['lora', 'hypernetwork', 'checkpoint'], WITH_TEXT = ['lora', 'checkpoint'];
const blocksText = (blocks) => Object.entries(blocks || {}).map(([name, factor]) => `${name}=${factor}`).join(', ');

function moreView(path, patch) {
  let item = {}, typed = null; // what is written and was refused
  const number = (label, title, more) => cs.el('input.cs-input.st-number', {type: 'number', 'aria-label': label, title, ...more});
  const text = number('Strength on the text encoder', 'Strength on the text encoder; empty uses the same strength', {min: -10, max: 10, step: 0.05, placeholder: 'same'});
  const from = number('Acts from this part of the steps', '0 is the first step, 0.5 half-way', {min: 0, max: 0.99, step: 0.05});
  const to = number('Acts until this part of the steps', '1 is the last step', {min: 0.01, max: 1, step: 0.05});
  const blocks = cs.el('input.cs-input.st-blocks', {type: 'text', 'aria-label': 'Block weights', placeholder: 'IN04=0.5, OUT=0.8', spellcheck: 'false',
    title: 'Factors per block: BASE (text encoder), IN00 …, M00, OUT00 …; IN and OUT mean a whole side. Or one number per block, in order.'});
  const trouble = cs.el('div.st-notes', {role: 'alert'}), state = cs.el('span.cs-small.cs-muted');
  const say = (parts) => trouble.replaceChildren(...(parts ? [cs.el('p.st-note', {'data-kind': 'warn'}, icon('warn', 14), cs.el('span', {}, [parts.what, parts.why, parts.remedy].filter(Boolean).join(' · ')))] : []));

  text.addEventListener('change', () => patch(path, {text_strength: text.value === '' ? null : clamp(Number(text.value))}));
  function range() {
    const start = from.value === '' ? 0 : Number(from.value), end = to.value === '' ? 1 : Number(to.value);
    if (!(start >= 0 && end <= 1 && start < end)) return say({what: 'It must begin before it ends', remedy: 'Both lie between 0 (the first step) and 1 (the last).'});
    say(null);
    patch(path, {start, end});
  }
  from.addEventListener('change', range);
  to.addEventListener('change', range);
  blocks.addEventListener('change', async () => {
    typed = blocks.value;
    try {
      const answer = await cs.call(server.check_blocks({text: blocks.value, base: props.base}));
      typed = null;
      say(null);
      patch(path, {blocks: answer.blocks});
    } catch (error) { say(error.parts || {what: 'This could not be checked'}); }
  });

  const textRow = cs.el('label', {}, cs.el('span', {}, 'Text encoder'), text);
  const rangeRow = cs.el('div', {}, cs.el('span', {}, 'Steps from'), from, cs.el('span', {}, 'to'), to, cs.el('span.cs-muted', {}, 'of 1'));
  const blocksRow = cs.el('label.st-wide', {}, cs.el('span', {}, 'Blocks'), blocks);
  const node = cs.el('details.st-more', {}, cs.el('summary', {}, 'More ', state), cs.el('div.st-more-body', {}, textRow, rangeRow, blocksRow), trouble);

  function sync(next, kind) {
    item = next;
    textRow.hidden = kind && !WITH_TEXT.includes(kind);
    rangeRow.hidden = blocksRow.hidden = kind && !RANGED.includes(kind);
    node.hidden = textRow.hidden && rangeRow.hidden;
    const start = item.start ?? 0, end = item.end ?? 1;
    text.value = item.text_strength ?? '';
    from.value = String(start);
    to.value = String(end);
    if (typed === null) blocks.value = blocksText(item.blocks);
    state.textContent = [item.text_strength != null && `text × ${item.text_strength}`, (start !== 0 || end !== 1) && `steps ${start}–${end}`,
      Object.keys(item.blocks || {}).length > 0 && 'block weights'].filter(Boolean).join(' · ');
  }
  return {node, sync};
}

// Where the order of cards decides, says so: hypernetworks feed each other, the last word of a name wins.
function orderNote(item, facts, items) {
  const others = items.filter((other) => other.enabled && known.get(other.path)?.kind === facts.kind);
  if (!item.enabled || others.length < 2) return null;
  if (facts.kind === 'hypernetwork') return `Order counts: hypernetwork ${others.indexOf(item) + 1} of ${others.length}; each works on what those above it give.`;
  const same = others.filter((other) => facts.trigger && known.get(other.path).trigger === facts.trigger);
  if (facts.kind !== 'embedding' || same.length < 2) return null;
  return same.at(-1) === item ? `Order counts: of ${same.length} files for “${facts.trigger}” this last one is used.` : `Not used: a file further down has the same word “${facts.trigger}”.`;
}
