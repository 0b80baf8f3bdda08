// What the Tab key reaches. `walk()` looks at what has the focus now: false when the round is over.
// `walk.problems` names what has no accessible name, no visible focus, or cannot be reached.
() => {
  const NAMED = 'button, a[href], input, select, textarea, summary, [role=button], [role=switch], [role=checkbox]';
  const INSIDE = '[role=radiogroup], [role=listbox], [role=menu], [role=tablist], [role=grid]'; // arrow keys there
  const visited = new Set();
  let last = null;
  let focused = '';
  let lost = 0; // how often in a row nothing had the focus
  const describe = (node) => `${node.tagName.toLowerCase()}#${node.id}.${[...node.classList].join('.')} in ${node.parentElement.className}`;
  function look(node) {
    const found = [];
    for (let one = node, k = 0; one && k < 4; one = one.parentElement, k += 1) {
      const {outlineStyle, outlineWidth, outlineColor, boxShadow, borderColor, backgroundColor} = getComputedStyle(one);
      const outline = outlineStyle === 'none' ? '' : `${outlineWidth} ${outlineColor}`;
      found.push(outline, boxShadow, borderColor, backgroundColor);
    }
    return found.join('|');
  }
  function name(node) {
    const by = (node.getAttribute('aria-labelledby') || '').split(/\s+/).map((id) => document.getElementById(id)?.textContent);
    const labels = [...(node.labels || [])].map((label) => label.textContent);
    const images = [...node.querySelectorAll('img[alt]')].map((image) => image.alt);
    const texts = [node.getAttribute('aria-label'), ...by, ...labels, node.textContent, node.title, ...images];
    if (node.matches('select')) texts.splice(-images.length - 2, 1); // its options are its value
    return texts.find((text) => text?.trim()) || '';
  }
  function walk() {
    if (last?.isConnected && look(last) === focused) walk.problems.push(`no visible focus: ${describe(last)}`);
    const node = document.activeElement;
    last = null;
    if (node === document.body) {
      lost += 1; // Gradio's lists let go of the focus when they close; the next Tab continues there
      return lost < 2;
    }
    lost = 0;
    if (visited.has(node)) return false;
    visited.add(node);
    if (!name(node)) walk.problems.push(`no name: ${describe(node)}`);
    last = node;
    focused = look(node);
    return true;
  }
  walk.problems = [];
  walk.visited = visited;
  walk.unreached = () =>
    [...document.querySelectorAll(NAMED)].filter((node) => {
      if (visited.has(node) || node.disabled || node.closest(INSIDE) || node.ariaHidden === 'true') return false;
      const {width, height} = node.getBoundingClientRect();
      const clipped = getComputedStyle(node).clipPath.startsWith('inset(50');
      const seen = node.checkVisibility({visibilityProperty: true, opacityProperty: true});
      if (!seen || clipped || width < 2 || height < 2 || node.type === 'file') return false;
      return !(node.type === 'radio' && [...visited].some((one) => one.name === node.name));
    }).map(describe);
  globalThis.walk = walk;
  const start = Object.assign(document.createElement('span'), {tabIndex: -1});
  document.body.prepend(start);
  start.focus();
}
