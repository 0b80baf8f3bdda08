// What varies along the sides of a grid: three rows of “what” and “values”. Owns: these fields.
// Refuses to know: the grid; `read()` gives what is written, Python checks it.
const SIDES = [['x', 'Columns'], ['y', 'Rows'], ['pages', 'Pages']];
const HINTS = {
  strength: '0, 0.5, 1', adapter: 'one file per line, FILE:STRENGTH for another strength, none for no file', checkpoint: 'steps of the run',
  prompt: 'one prompt per line', replace: 'what is searched, then what replaces it: cat, dog, fox', seed: '1, 2, 3', sampler: 'Euler, DDIM', guidance: '2, 4, 7', steps: '10, 20, 40',
};

function axesForm(host) {
  let choices = {kinds: [], samplers: [], adapters: [], runs: []};
  const rows = SIDES.map(([side, title]) => {
    const kind = cs.el('select.cs-input', {'aria-label': `What the ${title.toLowerCase()} vary`, onchange: () => { values.value = ''; paint(); values.focus(); }});
    const of = cs.el('select.cs-input', {'aria-label': `Run of the ${title.toLowerCase()}`, hidden: true, onchange: () => { values.value = ''; paint(); }});
    const values = cs.el('textarea.cs-input', {rows: 2, 'aria-label': `Values of the ${title.toLowerCase()}`, spellcheck: 'false'});
    const offers = cs.el('div.ax-offers', {role: 'group', 'aria-label': `Values to add to the ${title.toLowerCase()}`});
    const node = cs.el('div.ax-axis', {}, cs.el('span.cs-label', {}, title), cs.el('div.ax-kind', {}, kind, of), cs.el('div.ax-values', {}, values, offers));
    const steps = () => choices.runs.find((run) => run.run === of.value)?.steps || [];
    const offered = () => ({adapter: choices.adapters, sampler: choices.samplers, checkpoint: steps().map(String)})[kind.value] || [];
    function add(value) {
      const lines = kind.value === 'adapter' ? '\n' : ', ', quoted = value.includes(',') ? `"${value}"` : value;
      values.value = values.value.trim() ? `${values.value.trim()}${lines}${quoted}` : quoted;
      values.focus();
    }
    function paint() {
      const used = kind.value !== '';
      of.hidden = kind.value !== 'checkpoint';
      values.hidden = !used;
      values.placeholder = HINTS[kind.value] || '';
      values.rows = ['prompt', 'adapter'].includes(kind.value) ? 4 : 2;
      offers.replaceChildren(...offered().slice(0, 60).map((value) => cs.el('button.cs-chip.ax-offer', {type: 'button', onclick: () => add(value)}, `+ ${value}`)));
      if (kind.value === 'checkpoint' && !choices.runs.length) offers.replaceChildren(cs.el('span.cs-small.cs-muted', {}, 'No run has checkpoints of an adapter yet.'));
    }
    function fill() {
      const before = [kind.value, of.value];
      kind.replaceChildren(...(side === 'x' ? [] : [cs.el('option', {value: ''}, 'nothing')]), ...choices.kinds.map((one) => cs.el('option', {value: one.kind}, one.title)));
      of.replaceChildren(...choices.runs.map((run) => cs.el('option', {value: run.run}, run.name)));
      kind.value = before[0] || (side === 'x' ? 'strength' : '');
      if (before[1]) of.value = before[1];
      paint();
    }
    return {side, node, fill, read: () => kind.value && {kind: kind.value, values: values.value, of: kind.value === 'checkpoint' ? of.value : ''}};
  });
  host.replaceChildren(...rows.map((row) => row.node));
  return {
    offer(next) { choices = next; rows.forEach((row) => row.fill()); },
    read: () => Object.fromEntries(rows.map((row) => [row.side, row.read() || null])),
  };
}
