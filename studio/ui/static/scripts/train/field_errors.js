// What is wrong with a setting, said at its field; and the way there from anywhere in the page.
// Owns: the sentence below a field, unfolding and focus. Refuses to know: what a setting means.
import {el} from '../core/dom.js';

const INPUT = 'textarea, input, select';

/** Shows `problems` (element id → sentence) at the fields, and takes away what is there no more. */
export function showProblems(root, problems) {
  for (const old of root.querySelectorAll('.cs-field-error')) {
    if (problems[old.dataset.field] === old.textContent) continue;
    const input = old.parentElement.querySelector(INPUT);
    input?.removeAttribute('aria-invalid');
    input?.removeAttribute('aria-describedby');
    old.remove();
  }
  for (const [id, text] of Object.entries(problems)) {
    const node = document.getElementById(id);
    if (!node || node.querySelector('.cs-field-error')) continue;
    const name = `${id}-error`;
    node.append(el('p.cs-field-error.cs-small', {id: name, 'data-field': id}, text));
    const input = node.querySelector(INPUT);
    input?.setAttribute('aria-invalid', 'true');
    input?.setAttribute('aria-describedby', name);
  }
}

/** Unfolds what a field lies in (`unfold(group)`), goes there and puts the cursor into it. */
export function goTo(node, unfold) {
  for (const group of [node.closest('.cs-more'), node.closest('.cs-group')]) {
    if (group) unfold(group);
  }
  node.scrollIntoView({block: 'center'});
  (node.querySelector(INPUT) || node).focus({preventScroll: true});
}
