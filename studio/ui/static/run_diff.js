// Two runs side by side: the settings that differ, their fixed-noise losses in one plot, end figures.
// Owns: how this looks. Refuses to know: where it comes from.
function runDiff(close) {
  const node = cs.el('section.cs-card.cs-diff.cs-hidden', {'aria-label': 'Difference between two runs'});
  const COLOURS = ['var(--cs-plot-1)', 'var(--cs-plot-2)'];
  const number = (value, digits = 3) => value == null ? '–' : String(Number(Number(value).toPrecision(digits)));
  const FIGURES = [['state', 'Ended', (v) => STATES[v] || v], ['step', 'Steps', number], ['seconds', 'Time trained', cs.seconds], ['seconds_per_step', 'Per step', (v) => v == null ? '–' : `${number(v, 2)} s`],
    ['train', 'Fixed noise, training', number], ['held_out', 'Fixed noise, held out', number], ['best_held_out', 'Lowest held out', number], ['best_step', 'Reached at step', (v) => v ?? '–'],
    ['change', 'The picture changes by', (v) => v == null ? '–' : `${number(100 * v, 2)} %`], ['peak_memory', 'Memory', (v) => cs.bytes(v)], ['bytes', 'File', (v) => cs.bytes(v)]];
  function words(value) {
    if (value === null || value === undefined || value === '') return '–';
    if (typeof value === 'boolean') return value ? 'on' : 'off';
    return Array.isArray(value) ? value.join(' | ') || '–' : String(value);
  }
  const swatch = (k) => cs.el('i.cs-swatch', {style: {background: COLOURS[k]}});
  const shape = (tag, attributes) => { const made = document.createElementNS('http://www.w3.org/2000/svg', tag); for (const [k, v] of Object.entries(attributes)) made.setAttribute(k, v); return made; };

  function plot(curves) {
    const all = curves.flat(), values = all.flatMap((p) => [p.train, p.held_out]).filter((v) => typeof v === 'number');
    if (values.length < 2) return cs.el('p.cs-muted.cs-small', {}, 'These runs have no fixed-noise losses to draw.');
    const W = 940, H = 240, L = 46, R = 10, T = 10, B = 24, most = Math.max(1, ...all.map((p) => p.step));
    const low = Math.min(...values), high = Math.max(...values), pad = (high - low || high || 1) * .08, bottom = Math.max(0, low - pad), top = high + pad;
    const x = (step) => L + (W - L - R) * step / most, y = (value) => T + (H - T - B) * (top - value) / (top - bottom);
    const svg = shape('svg', {viewBox: `0 0 ${W} ${H}`, class: 'cs-diff-plot', role: 'img', 'aria-label': 'Fixed-noise losses of both runs over steps'});
    const label = (text, at, attributes) => { const made = shape('text', {...at, ...attributes}); made.textContent = text; svg.append(made); };
    for (let k = 0; k <= 4; k += 1) {
      const value = bottom + (top - bottom) * k / 4;
      svg.append(shape('line', {x1: L, x2: W - R, y1: y(value), y2: y(value), class: 'grid'}));
      label(number(value, 2), {x: L - 6, y: y(value) + 3.5}, {'text-anchor': 'end'});
      label(String(Math.round(most * k / 4)), {x: x(most * k / 4), y: H - 6}, {'text-anchor': k === 4 ? 'end' : 'middle'});
    }
    curves.forEach((points, k) => [['train', ''], ['held_out', '5 4']].forEach(([name, dash]) => {
      const drawn = points.filter((p) => typeof p[name] === 'number');
      if (drawn.length) svg.append(shape('polyline', {points: drawn.map((p) => `${x(p.step)},${y(p[name])}`).join(' '), fill: 'none', 'stroke-width': 2, 'stroke-dasharray': dash, 'stroke-linejoin': 'round', style: `stroke: ${COLOURS[k]}`, 'data-run': k, 'data-series': name}));
    }));
    return svg;
  }
  function show(answer) {
    node.classList.remove('cs-hidden');
    const heading = (text) => cs.el('tr.cs-diff-part', {}, cs.el('th', {colspan: 3, scope: 'rowgroup'}, text));
    const line = (label, values, title = '') => cs.el('tr', {}, cs.el('th', {scope: 'row', title}, label), values.map((value) => cs.el('td.cs-number', {title: value}, value)));
    const figures = FIGURES.map(([key, label, format]) => [label, answer.figures.map((f) => format(f[key]))]).filter(([, values]) => values.some((value) => value !== '–'));
    node.replaceChildren(
      cs.el('div.cs-toolbar', {}, cs.el('h3.cs-card-title', {style: {margin: '0'}}, 'Difference'), cs.el('span.cs-spacer'),
        cs.el('span.cs-small.cs-muted', {}, 'line: training · dashes: held out'), iconButton('close', 'Close the difference', close)),
      plot(answer.probes),
      ...(answer.incomparable.length ? [cs.message({what: 'The heights of these curves cannot be compared', why: `They were not measured on the same: ${answer.incomparable.join(', ')}. Their shapes can.`}, 'warning')] : []),
      cs.el('div.cs-diff-scroll', {}, cs.el('table', {}, cs.el('thead', {}, cs.el('tr', {}, cs.el('td'), answer.names.map((name, k) => cs.el('th', {scope: 'col'}, swatch(k), name)))),
        cs.el('tbody', {}, heading('How they ended'), figures.map(([label, values]) => line(label, values))),
        cs.el('tbody.cs-diff-settings', {}, heading(answer.settings.length ? 'Settings that differ' : 'All settings are the same'),
          answer.settings.map(({key, label, values}) => line(label, values.map(words), key))))));
    node.scrollIntoView({block: 'nearest'});
  }
  return {node, show, hide() { node.classList.add('cs-hidden'); }};
}
