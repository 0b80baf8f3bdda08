// A dialog in which a run goes on with other settings.
import {attempt} from '../core/calls.js';
import {el, openDialog} from '../core/dom.js';
import {changesOf, FIELDS, textOf} from './resume_rules.js';

const NOTE = 'What was trained so far stays; what comes is trained with these. The change is written into the log.';

/** Shows the dialog inside of the part `host`; `resume(changes)` is Resume, and says whether the run goes on:
 *  otherwise what was typed stays. */
export function openResumeForm(host, config, resume) {
  const inputs = Object.fromEntries(
    FIELDS.map(([key, , kind]) => {
      const input = el(kind === 'lines' ? 'textarea.cs-input' : 'input.cs-input', kind === 'lines' ? {rows: 3} : {});
      input.value = textOf(config, key);
      return [key, input];
    }),
  );
  const fields = FIELDS.map(([key, label]) => el('label.cs-label', {}, label, inputs[key]));
  const go = el('button.cs-button.cs-primary', {type: 'submit'}, 'Resume');
  const cancel = el('button.cs-button', {type: 'button', onclick: () => dialog.close()}, 'Cancel');
  const onsubmit = (event) => {
    event.preventDefault();
    const texts = Object.fromEntries(Object.entries(inputs).map(([key, input]) => [key, input.value]));
    attempt(async () => {
      if (await resume(changesOf(config, texts))) dialog.close();
    }, go);
  };
  const title = el('h3.cs-card-title', {style: {margin: '0'}}, 'Change and resume');
  const note = el('p.cs-small.cs-muted', {style: {margin: '0'}}, NOTE);
  const form = el('form.cs-stack', {onsubmit}, title, fields, note, el('div.cs-toolbar', {}, go, cancel));
  const dialog = el('dialog.cs-lightbox.cs-resume', {'aria-label': 'Change and resume'}, form);
  openDialog(dialog, host);
}
