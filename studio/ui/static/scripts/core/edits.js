// What a person changes in a form of Gradio's fields. Gradio keeps a list for every field that Python
// listens to and looks through it for every part of the page: one event for the form costs nothing.
// A choice from a dropdown list is no event of the document; Python listens to those.
import {debounce} from './timing.js';

const REST = 150; // milliseconds; a fast typist needs less between two letters

/** Calls `action()` once a person has stopped changing the fields inside `form`. */
export function onEdits(form, action) {
  const rested = debounce(action, REST);
  form.addEventListener('input', (event) => event.target.closest('.cs-field') && rested());
}
