// Every visible text of the page whose contrast is below WCAG 2.2 AA (1.4.3): 4.5, or 3 for large text.
// Text of what is disabled is exempt there. → [{text, ratio, colour, background, path}]
() => {
  const context = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d', {
    willReadFrequently: true,
  });
  const seen = new Map();
  function rgba(text) {
    if (!seen.has(text)) {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = text;
      context.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
      seen.set(text, [r, g, b, a / 255]);
    }
    return seen.get(text);
  }
  const over = ([r, g, b, a], under) => [r, g, b].map((one, k) => one * a + under[k] * (1 - a));
  function luminance(colour) {
    const [r, g, b] = colour.map((one) => {
      const share = one / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
  function ratio(a, b) {
    const [x, y] = [luminance(a), luminance(b)].sort((one, other) => other - one);
    return (x + 0.05) / (y + 0.05);
  }
  /** What is behind an element; null where it is an image or a gradient. */
  function behind(node) {
    const layers = [];
    for (let one = node; one; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.backgroundImage.includes('gradient')) return null;
      const colour = rgba(style.backgroundColor);
      layers.push(colour);
      if (colour[3] === 1) break;
    }
    const dark = document.body.classList.contains('dark');
    return layers.reduceRight((under, layer) => over(layer, under), dark ? [0, 0, 0] : [255, 255, 255]);
  }
  function opacity(node) {
    let found = 1;
    for (let one = node; one; one = one.parentElement) found *= Number(getComputedStyle(one).opacity);
    return found;
  }
  const path = (node) =>
    [node.parentElement, node].filter(Boolean).map((one) => `${one.tagName.toLowerCase()}.${[...one.classList].join('.')}`).join(' > ');
  const wrong = [];
  function check(node, style, text) {
    const box = node.getBoundingClientRect();
    if (box.width < 2 || box.height < 2 || style.clipPath.startsWith('inset(50')) return;
    if (node.closest(':disabled, [aria-disabled=true], [inert]')) return;
    if (!node.checkVisibility({visibilityProperty: true, opacityProperty: true})) return;
    const under = behind(node);
    if (!under) return;
    const [r, g, b, a] = rgba(style.color);
    const shown = over([r, g, b, a * opacity(node) * (style === getComputedStyle(node) ? 1 : Number(style.opacity))], under);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const found = ratio(shown, under);
    if (found < (large ? 3 : 4.5)) {
      const colours = [shown, under].map((one) => one.map(Math.round).join(' '));
      wrong.push({text: text.slice(0, 40), ratio: Number(found.toFixed(2)), colours, path: path(node)});
    }
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    if (text.data.trim() && !node.closest('script, style, svg, noscript')) check(node, getComputedStyle(node), text.data.trim());
  }
  for (const node of document.querySelectorAll('input, textarea, select')) {
    if (node.placeholder && !node.value) check(node, getComputedStyle(node, '::placeholder'), node.placeholder);
    else if (node.value && !['checkbox', 'radio', 'range', 'file'].includes(node.type)) check(node, getComputedStyle(node), String(node.value));
  }
  return wrong;
}
