// What every part of the page shares. Owns: safe DOM building, calls to the server, notices,
// polling, moving between tabs. Refuses to know: what any tab shows.
// Text from people or files is only ever set through textContent.
(() => {
  if (window.cs) return;

  /** cs.el('button.cs-button', {type: 'button', onclick}, 'text', child, …) */
  function el(spec, attributes = {}, ...children) {
    const [tag, ...classes] = spec.split('.');
    const node = document.createElement(tag || 'div');
    if (classes.length) node.className = classes.join(' ');
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === undefined || value === null) continue;
      if (key.startsWith('aria-')) { node.setAttribute(key, String(value)); continue; }
      if (value === false && key !== 'disabled' && key !== 'checked') continue;
      if (key.startsWith('on') && typeof value === 'function') node.addEventListener(key.slice(2), value);
      else if (key === 'style' && typeof value === 'object') for (const [k, v] of Object.entries(value)) node.style.setProperty(k, v);
      else if (key === 'value' || key === 'disabled' || key === 'checked') node[key] = value;
      else node.setAttribute(key, value === true ? '' : String(value));
    }
    for (const child of children.flat(9)) {
      if (child === null || child === undefined || child === false) continue;
      node.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
    return node;
  }

  /** A message made of an error's parts: {what, why, remedy, safe} or a plain string. */
  function message(parts, kind = 'error', onclose = null) {
    if (typeof parts === 'string') parts = {what: parts};
    const where = parts.where ? ` (${parts.where})` : '';
    return el('div.cs-notice', {'data-kind': kind, role: kind === 'error' ? 'alert' : 'status'},
      el('div', {}, el('b', {}, (parts.what || 'Something went wrong') + where),
        ['why', 'remedy', 'safe'].map((name) => parts[name] && el('p', {}, parts[name]))),
      onclose && el('button.cs-button.cs-quiet.cs-icon', {type: 'button', 'aria-label': 'Dismiss', onclick: onclose}, '×'));
  }

  /** Shows a message in the corner; errors stay until dismissed. */
  function notice(parts, kind = 'error', seconds = kind === 'error' ? 0 : 6) {
    let host = document.getElementById('cs-notices');
    if (!host) {
      host = el('div', {id: 'cs-notices', 'aria-live': 'polite'});
      (document.querySelector('.gradio-container') || document.body).append(host);
    }
    const text = JSON.stringify(parts);
    [...host.children].filter((child) => child.dataset.text === text).forEach((child) => child.remove());
    const node = message(parts, kind, () => node.remove());
    node.dataset.text = text;
    host.append(node);
    while (host.children.length > 4) host.firstChild.remove();
    if (seconds) setTimeout(() => node.remove(), seconds * 1000);
    return node;
  }

  // Between press and release nothing may be redrawn: a row that is replaced meanwhile swallows the
  // click. Answers wait until the click is over, but not for the whole of a long pull at a slider.
  const LONGEST_PRESS = 3000; // milliseconds
  let press = null, waiting = [];
  window.addEventListener('pointerdown', () => { press = {}; }, true);
  const release = () => {
    const mine = press;
    setTimeout(() => { if (press === mine) { press = null; waiting.splice(0).forEach((go) => go()); } }); // the click comes first
  };
  for (const name of ['pointerup', 'pointercancel', 'dragend']) window.addEventListener(name, release, true);
  window.addEventListener('blur', release);
  const released = () => press && new Promise((go) => { waiting.push(go); setTimeout(go, LONGEST_PRESS); });

  /** Awaits `server.fn(argument)`; returns its data or throws an Error that carries `.parts`. */
  async function call(promise) {
    let answer; // Gradio's own client answers nothing when the server is away
    try { answer = await promise; } catch (error) { /* the same */ }
    await released();
    if (answer?.ok) return answer.data;
    const parts = answer?.error || {what: 'The studio does not answer',
      remedy: 'Check that it is still running where you started it; this page reconnects by itself.'};
    throw Object.assign(new Error(parts.what), {parts});
  }

  /** Runs an action; its failure becomes a notice. Returns undefined then. */
  async function attempt(action, button = null) {
    if (button) { button.disabled = true; button.setAttribute('aria-busy', 'true'); }
    try { return await action(); } catch (error) {
      if (!error.parts) console.error(error);
      const refused = /^HTTP \d+: (.+)/s.exec(error.message || ''); // an upload that the server did not take
      notice(error.parts || (refused ? {what: 'This could not be uploaded', why: refused[1]} : {what: 'This part of the page failed', why: String(error.message || error)}));
      return undefined;
    } finally {
      if (button) { button.disabled = false; button.removeAttribute('aria-busy'); }
    }
  }

  const slow = () => location.hostname.endsWith('gradio.live');
  /** Calls `look()` about every second while the element is visible; stops when it is gone. */
  function poll(element, look, milliseconds = 1000) {
    let busy = false, stopped = false, seen = false;
    const tick = async () => {
      if (stopped || (seen && !element.isConnected)) { clearInterval(timer); return; }
      seen ||= element.isConnected;
      if (busy || document.hidden || element.offsetParent === null) return;
      busy = true;
      try { await look(); } catch (error) { /* the next tick tries again */ } finally { busy = false; }
    };
    const timer = setInterval(tick, slow() ? milliseconds * 2 : milliseconds);
    tick();
    return {now: tick, stop: () => { stopped = true; clearInterval(timer); }};
  }

  // Hand-overs between parts. A part in a tab that was never opened is not made yet, and on a busy
  // machine it is made late: a message is kept until its taker has said, by ending, that it took it.
  const handed = {}, takers = {}, busy = {};

  /** Hands `payload` to whoever takes `name`, now or once that part is made: exactly once, in order.
   *  Resolves with what the taker answers. */
  function hand(name, payload) {
    return new Promise((resolve) => {
      const message = {payload, resolve};
      (handed[name] ||= []).push(message);
      deliver(name);
      setTimeout(() => { // says so, and goes on waiting: nothing depends on this time
        if (!handed[name].includes(message)) return;
        message.notice = notice({what: 'Another part of the page has not taken over yet', why: 'It is still being made, or waits for the studio.',
          remedy: 'It goes on by itself. If nothing happens, reload the page and try again.', safe: 'What was handed over is kept until then.'}, 'warning', 1e6);
      }, slow() ? 40000 : 20000);
    });
  }
  async function deliver(name) {
    if (busy[name]) return;
    busy[name] = true;
    while (takers[name] && handed[name]?.length) {
      const message = handed[name][0];
      const answer = await attempt(() => takers[name](message.payload));
      handed[name].shift();
      message.notice?.remove();
      message.resolve(answer);
    }
    busy[name] = false;
  }
  /** Takes what is handed to `name`, also what waits already. A promise is awaited before the next. */
  function receive(name, take) {
    takers[name] = take;
    deliver(name);
  }
  /** Opens a tab and hands `payload` to its part: 'train:run' opens Train, the taker is 'train:run'. */
  function go(tab, payload = null) {
    document.getElementById(`cs-tab-${tab.split(':')[0]}-button`)?.click();
    return payload === null ? null : hand(tab, payload);
  }

  /** Address of a file below the folders the studio serves. */
  const file = (path) => path.startsWith('data:') ? path : (window.gradio_config?.root || '') + '/gradio_api/file=' + path.replaceAll('\\', '/').split('/').map(encodeURIComponent).join('/');
  const collator = new Intl.Collator(undefined, {numeric: true, sensitivity: 'base'});
  const bytes = (n) => n == null ? '–' : n < 1e3 ? `${n} B` : n < 1e6 ? `${(n / 1e3).toFixed(0)} kB` : n < 1e9 ? `${(n / 1e6).toFixed(1)} MB` : `${(n / 1e9).toFixed(2)} GB`;
  function seconds(s) {
    if (s == null || !isFinite(s)) return '–';
    s = Math.max(0, Math.round(s));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, '0')} s`;
    return `${Math.floor(s / 3600)} h ${String(Math.floor(s % 3600 / 60)).padStart(2, '0')} min`;
  }
  function debounce(action, milliseconds) {
    let timer = 0;
    return (...args) => { clearTimeout(timer); timer = setTimeout(() => action(...args), milliseconds); };
  }
  function when(unix) {
    if (!unix) return '–';
    const date = new Date(unix * 1000), today = new Date().toDateString() === date.toDateString();
    return date.toLocaleString(undefined, today ? {hour: '2-digit', minute: '2-digit'}
      : {month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit'});
  }
  const colour = (name) => getComputedStyle(document.querySelector('.gradio-container') || document.body).getPropertyValue(name).trim()
    || getComputedStyle(document.body).getPropertyValue(name).trim();

  /** Light ⇄ dark, remembered in this browser. */
  function setTheme(mode) {
    document.body.classList.toggle('dark', mode === 'dark');
    document.documentElement.style.colorScheme = mode;
    try { localStorage.setItem('cs-theme', mode); } catch (error) { /* private window */ }
    window.dispatchEvent(new CustomEvent('cs:theme'));
  }
  function restoreTheme() {
    let mode = new URLSearchParams(location.search).get('__theme');
    try { mode ||= localStorage.getItem('cs-theme'); } catch (error) { /* private window */ }
    if (mode === 'dark' || mode === 'light') setTheme(mode);
  }

  // A file dropped beside a drop zone must not replace the page.
  for (const name of ['dragover', 'drop']) window.addEventListener(name, (event) => {
    if (event.dataTransfer && [...event.dataTransfer.types].includes('Files') && !event.defaultPrevented) {
      event.preventDefault();
      if (name === 'dragover') event.dataTransfer.dropEffect = 'none';
    }
  });

  window.cs = {el, message, notice, call, attempt, poll, go, hand, receive, file, bytes, seconds, when,
    debounce, colour, setTheme, restoreTheme, compare: collator.compare};
})();
