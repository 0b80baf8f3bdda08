// What stands in the way of a run, what is odd about it, and its facts. Value: {errors, warnings, notes, facts, estimate?}.
const root = element.querySelector('.cs-preflight');
const NAMES = [['pictures', 'Pictures'], ['captioned', 'With captions'], ['held_out', 'Held out'], ['trigger', 'Trigger word'], ['class_word', 'Class word'],
  ['resolution', 'Resolution'], ['steps', 'Steps'], ['epochs', 'Epochs'], ['effective_batch', 'Effective batch']];
function draw() {
  const v = props.value || {}, f = v.facts || {}, e = v.estimate;
  const show = (key) => key === 'resolution' ? `${f[key]} px` : key === 'trigger' || key === 'class_word' ? f[key] || 'none' : f[key];
  const many = (kind, texts, what) => texts?.length ? [texts.length === 1 ? cs.message(texts[0], kind)
    : cs.el('div.cs-notice', {'data-kind': kind, role: kind === 'error' ? 'alert' : 'status'}, cs.el('div', {}, cs.el('b', {}, what), cs.el('ul', {}, texts.map((t) => cs.el('li', {}, t)))))] : [];
  const rows = NAMES.filter(([key]) => f[key] !== undefined).flatMap(([key, label]) => [cs.el('dt', {}, label), cs.el('dd.cs-number', {}, String(show(key)))]);
  if (e) {
    const trained = Object.entries(e.trained || {}).map(([name, count]) => `${name} ${Number(count).toLocaleString()}`).join(', ');
    const buckets = (e.buckets || []).map((b) => `${b.items} at ${b.width}×${b.height}`).join(', ');
    for (const [label, text] of [['Trained numbers', trained], ['Buckets', buckets], ['Time, measured', `about ${cs.seconds(e.seconds)} (${e.seconds_per_step} s a step, without samples)`], ['Memory, measured', cs.bytes(e.peak_memory)]])
      if (text) rows.push(cs.el('dt', {}, label), cs.el('dd.cs-number', {}, text));
  }
  const notes = (v.notes || []).map((text) => cs.el('p.cs-muted.cs-small', {style: {margin: '0'}}, text));
  const parts = [...many('error', v.errors, 'The run cannot start'), ...many('warning', v.warnings, `${v.warnings?.length} things to know`), ...notes,
    rows.length ? cs.el('dl.cs-facts', {}, rows) : cs.el('p.cs-muted.cs-small', {style: {margin: '0'}}, 'Choose pictures, and everything that would stand in the way is named here before you start.')];
  root.replaceChildren(cs.el('h3.cs-card-title', {style: {margin: '0'}}, 'Before you start'), ...parts);
}
watch('value', draw);
draw();
