// The loss plot: a canvas that redraws only itself. Owns: its data, scales, hover read-out.
// Refuses to know: runs, the server. Raw loss is drawn as the range per pixel column, so ten
// thousand steps cost as much as three hundred.
function lossPlot() {
  const canvas = cs.el('canvas', {tabindex: '0', role: 'img', 'aria-label': 'Loss over steps'});
  const readout = cs.el('div.cs-plot-readout.cs-small.cs-number', {'aria-live': 'off'});
  const area = cs.el('div.cs-plot-area', {}, canvas, readout);
  const series = {raw: true, smooth: true, train: true, held: true};
  const key = (name, label, colour, title) => cs.el('button.cs-plot-key', {type: 'button', 'aria-pressed': true, title, onclick: (event) => {
    series[name] = !series[name];
    event.currentTarget.setAttribute('aria-pressed', series[name]);
    draw();
  }}, cs.el('i', {style: {background: `var(${colour})`, opacity: name === 'raw' ? '.35' : '1'}}), label);
  const keys = [key('raw', 'each step', '--cs-plot-1', 'Loss of every step: it jumps, because every step sees other noise'),
    key('smooth', 'smoothed', '--cs-plot-1', 'The same, averaged over recent steps'),
    key('train', 'fixed noise, training', '--cs-plot-2', 'The same noise and timesteps each time, on training pictures: this one means something'),
    key('held', 'fixed noise, held out', '--cs-plot-3', 'The same on pictures that are never trained on: rising means overfitting')];
  const smoothing = cs.el('input.cs-range', {type: 'range', min: 0, max: 99, value: 92, 'aria-label': 'Smoothing', title: 'Smoothing', oninput: () => { smooth(0); draw(); }});
  const log = cs.el('button.cs-segment', {type: 'button', 'aria-pressed': false, title: 'Logarithmic scale', onclick: () => {
    log.setAttribute('aria-pressed', log.getAttribute('aria-pressed') !== 'true'); draw();
  }}, 'log');
  const node = cs.el('section.cs-card.cs-plot', {'aria-label': 'Loss'},
    cs.el('div.cs-toolbar', {}, cs.el('h3.cs-card-title', {style: {margin: '0'}}, 'Loss'), cs.el('div.cs-plot-keys', {}, keys), cs.el('span.cs-spacer'), smoothing, cs.el('div.cs-segments', {}, log)),
    area);
  let steps = [], losses = [], rates = [], averages = [], probes = [], marks = [], cursor = null, frame = 0, drawnIn = 0;

  function smooth(from) {
    const weight = Math.min(0.995, Number(smoothing.value) / 100);
    let value = from ? averages[from - 1] : 0;
    for (let i = from; i < losses.length; i += 1) {
      const w = Math.min(weight, i / (i + 1)); // so that the first values are a plain mean
      value = w * value + (1 - w) * losses[i];
      averages[i] = value;
    }
    averages.length = losses.length;
  }
  function add(rows) {
    if (!rows.length) return;
    const first = rows[0][0];
    if (steps.length && first <= steps.at(-1)) { // the run went back to a checkpoint
      const keep = steps.findIndex((step) => step >= first);
      for (const list of [steps, losses, rates, averages]) list.length = Math.max(0, keep);
      probes = probes.filter((probe) => probe.step < first);
    }
    const from = steps.length;
    for (const [step, loss, rate] of rows) { steps.push(step); losses.push(loss); rates.push(rate); }
    smooth(from);
    later();
  }
  function later() { if (!frame) frame = requestAnimationFrame(() => { frame = 0; draw(); }); }
  function ticks(low, high, count) {
    const raw = (high - low) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw) || power * 10;
    const found = [];
    for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) found.push(Number(v.toPrecision(10)));
    return found;
  }
  const short = (value) => value === 0 ? '0' : Math.abs(value) < 0.001 || Math.abs(value) >= 1e5 ? value.toExponential(1) : String(Number(value.toPrecision(3)));

  function bounds(isLog) {
    const values = [...(series.smooth ? averages : []), ...probes.flatMap((p) => [series.train && p.train, series.held && p.held_out])]
      .filter((v) => typeof v === 'number' && isFinite(v) && (!isLog || v > 0));
    if (series.raw && losses.length) {
      const stride = Math.max(1, Math.floor(losses.length / 2000));
      const sorted = losses.filter((v, i) => i % stride === 0 && isFinite(v) && (!isLog || v > 0)).sort((a, b) => a - b);
      if (sorted.length) values.push(sorted[Math.floor(sorted.length * 0.01)], sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.985))]);
    }
    if (!values.length) return [isLog ? 0.01 : 0, 1];
    let low = Math.min(...values.slice(-20000)), high = Math.max(...values.slice(-20000));
    if (isLog) return [low / 1.15, high * 1.15];
    const pad = (high - low || high || 1) * 0.08;
    return [Math.max(0, low - pad), high + pad];
  }

  function draw() {
    const started = performance.now(), width = area.clientWidth, height = area.clientHeight;
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
      canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
    }
    const c = canvas.getContext('2d'), isLog = log.getAttribute('aria-pressed') === 'true';
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, width, height);
    const left = 50, right = 12, top = 8, bottom = 24, w = width - left - right, h = height - top - bottom;
    const [low, high] = bounds(isLog);
    const end = Math.max(steps.at(-1) || 0, probes.at(-1)?.step || 0, 10), start = 0;
    const x = (step) => left + w * (step - start) / (end - start);
    const y = (v) => isLog ? top + h * (1 - Math.log(Math.max(v, low * 1e-3) / low) / Math.log(high / low)) : top + h * (1 - (v - low) / (high - low));
    const muted = cs.colour('--cs-muted'), line = cs.colour('--cs-line');
    c.font = '11px ui-sans-serif, system-ui, sans-serif'; c.lineWidth = 1; c.fillStyle = muted; c.strokeStyle = line;
    c.textAlign = 'right'; c.textBaseline = 'middle';
    const powers = isLog ? logTicks(low, high) : ticks(low, high, Math.max(2, Math.floor(h / 48)));
    for (const v of powers) {
      const at = Math.round(y(v)) + .5;
      c.beginPath(); c.moveTo(left, at); c.lineTo(left + w, at); c.stroke();
      c.fillText(short(v), left - 7, at);
    }
    c.textAlign = 'center'; c.textBaseline = 'top';
    for (const v of ticks(start, end, Math.max(2, Math.floor(w / 90)))) if (Number.isInteger(v)) c.fillText(String(v), x(v), top + h + 8);
    c.save(); c.beginPath(); c.rect(left, top - 4, w + right, h + 8); c.clip();
    const one = cs.colour('--cs-plot-1');
    if (series.raw) range(c, x, y, w, one);
    if (series.smooth) path(c, steps, averages, x, y, one, 2);
    dots(c, 'train', '--cs-plot-2', x, y); dots(c, 'held', '--cs-plot-3', x, y);
    c.fillStyle = muted; c.globalAlpha = .8;
    for (const mark of marks) { c.beginPath(); c.moveTo(x(mark) - 4, top + h + 4); c.lineTo(x(mark) + 4, top + h + 4); c.lineTo(x(mark), top + h - 2); c.fill(); }
    c.globalAlpha = 1; c.restore();
    hover(c, {x, y, top, h, left, w, end, muted});
    drawnIn = performance.now() - started;
    const last = averages.at(-1);
    canvas.setAttribute('aria-label', steps.length ? `Loss over ${steps.at(-1)} steps; smoothed ${short(last)} now. Arrow keys read single steps.` : 'Loss: no steps yet');
  }
  function logTicks(low, high) {
    const found = [];
    for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p += 1) for (const m of [1, 2, 5]) { const v = m * 10 ** p; if (v >= low && v <= high) found.push(v); }
    return found;
  }
  function range(c, x, y, w, colour) {
    c.strokeStyle = colour; c.globalAlpha = .3; c.lineWidth = 1; c.lineJoin = 'round';
    c.beginPath();
    if (steps.length <= w * 1.5) steps.forEach((step, i) => (i ? c.lineTo(x(step), y(losses[i])) : c.moveTo(x(step), y(losses[i]))));
    else {
      let column = -1, low = 0, high = 0;
      for (let i = 0; i <= steps.length; i += 1) {
        const at = i < steps.length ? Math.round(x(steps[i])) : -2;
        if (at !== column) {
          if (column >= 0) { c.moveTo(column + .5, y(low)); c.lineTo(column + .5, y(high) - .5); }
          column = at; low = high = losses[i];
        } else { low = Math.min(low, losses[i]); high = Math.max(high, losses[i]); }
      }
    }
    c.stroke(); c.globalAlpha = 1;
  }
  function path(c, xs, ys, x, y, colour, width) {
    if (!xs.length) return;
    const stride = Math.max(1, Math.floor(xs.length / 2400));
    c.strokeStyle = colour; c.lineWidth = width; c.lineJoin = 'round'; c.beginPath();
    for (let i = 0; i < xs.length; i += stride) (i ? c.lineTo(x(xs[i]), y(ys[i])) : c.moveTo(x(xs[i]), y(ys[i])));
    c.lineTo(x(xs.at(-1)), y(ys.at(-1)));
    c.stroke();
  }
  function dots(c, name, variable, x, y) {
    if (!series[name]) return;
    const field = name === 'held' ? 'held_out' : 'train', found = probes.filter((p) => typeof p[field] === 'number');
    const colour = cs.colour(variable);
    path(c, found.map((p) => p.step), found.map((p) => p[field]), x, y, colour, 1.8);
    c.fillStyle = colour;
    if (found.length < 80) for (const p of found) { c.beginPath(); c.arc(x(p.step), y(p[field]), 2.6, 0, 7); c.fill(); }
  }
  function nearest(step) {
    if (!steps.length) return -1;
    let a = 0, b = steps.length - 1;
    while (a < b) { const m = (a + b) >> 1; if (steps[m] < step) a = m + 1; else b = m; }
    return a && Math.abs(steps[a - 1] - step) < Math.abs(steps[a] - step) ? a - 1 : a;
  }
  function hover(c, g) {
    const i = cursor === null ? -1 : nearest(cursor);
    readout.classList.toggle('is-shown', i >= 0);
    if (i < 0) return;
    const at = g.x(steps[i]), probe = [...probes].reverse().find((p) => p.step <= steps[i]);
    c.strokeStyle = g.muted; c.setLineDash([3, 3]); c.beginPath(); c.moveTo(at, g.top); c.lineTo(at, g.top + g.h); c.stroke(); c.setLineDash([]);
    c.fillStyle = cs.colour('--cs-plot-1'); c.beginPath(); c.arc(at, g.y(averages[i]), 3.5, 0, 7); c.fill();
    const row = (label, value) => [cs.el('dt', {}, label), cs.el('dd', {}, value)];
    readout.replaceChildren(cs.el('b', {}, `step ${steps[i]}`), cs.el('dl', {}, row('loss', short(losses[i])), row('smoothed', short(averages[i])),
      probe ? row('fixed noise', `${short(probe.train)}${probe.held_out == null ? '' : ` · held out ${short(probe.held_out)}`}`) : [], rates[i] == null ? [] : row('rate', short(rates[i]))));
    const flip = at > g.left + g.w * .6;
    readout.style.left = flip ? '' : `${at + 12}px`;
    readout.style.right = flip ? `${area.clientWidth - at + 12}px` : '';
  }
  canvas.addEventListener('pointermove', (event) => {
    const end = Math.max(steps.at(-1) || 0, probes.at(-1)?.step || 0, 10);
    cursor = (event.offsetX - 50) / (area.clientWidth - 62) * end; later();
  });
  for (const name of ['pointerleave', 'blur']) canvas.addEventListener(name, () => { cursor = null; later(); });
  canvas.addEventListener('keydown', (event) => {
    const by = {ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9}[event.key];
    if (!by || !steps.length) return;
    event.preventDefault();
    const i = cursor === null ? steps.length - 1 : nearest(cursor) + by * (event.shiftKey ? 10 : 1);
    cursor = steps[Math.max(0, Math.min(steps.length - 1, i))]; later();
  });
  new ResizeObserver(later).observe(area);
  window.addEventListener('cs:theme', () => setTimeout(draw, 30));
  return {
    node, add,
    probe(event) { probes = probes.filter((p) => p.step !== event.step); probes.push(event); probes.sort((a, b) => a.step - b.step); later(); },
    mark(step) { if (!marks.includes(step)) marks.push(step); later(); },
    clear() { steps = []; losses = []; rates = []; averages = []; probes = []; marks = []; cursor = null; later(); },
    last: () => ({step: steps.at(-1), loss: averages.at(-1), probe: probes.at(-1), points: steps.length, drawnIn}),
  };
}
