// A search box over the folded settings: hides the fields that do not speak of the words typed.
const input = element.querySelector('input'), count = element.querySelector('span');
const apply = () => {
  const words = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const host = document.querySelector(props.scope);
  if (!host) return;
  let hits = 0;
  for (const row of host.querySelectorAll('.cs-field-row')) {
    let visible = 0;
    for (const field of row.querySelectorAll('.cs-field')) {
      const text = field.textContent.toLowerCase() + ' ' + field.id.replace(/[-_]/g, ' ');
      const match = words.every((word) => text.includes(word));
      field.classList.toggle('cs-hidden', !match);
      visible += match;
    }
    row.classList.toggle('cs-hidden', !visible);
    if (row.offsetParent !== null) hits += visible;
  }
  host.querySelectorAll('.cs-form-title').forEach((title) => title.closest('.block, .html-container, div')?.classList.toggle('cs-hidden', words.length > 0));
  count.textContent = words.length ? (hits ? `${hits} found` : 'No setting speaks of this') : '';
};
input.addEventListener('input', apply);
