// What a dataset shows, and the words for it: asked once where it is made, and changed here later.
// Owns: the card. Refuses to know: where the answer is kept.
import {attempt} from '../core/calls.js';
import {el} from '../core/dom.js';
import {icon} from '../core/icons.js';
import {linesText} from './bulk_words.js';
import {button} from './panels.js';

const KINDS = [
  ['subject', 'One subject', 'A person, an animal, a thing'],
  ['style', 'A style', 'How images are made, whatever they show'],
];
const TRIGGER = 'A made-up word that calls it in prompts, such as “zibbo”';
const LINES = 'Each line of a caption is a caption of its own, of which training picks one at every step';
const CLASS = 'What the subject is one of, such as “cat”';

export class AboutCard {
  /** `save({kind, trigger, class_word, lines})` resolves when it is kept. */
  constructor(save) {
    this.kind = 'subject';
    const field = (label, placeholder) => {
      const input = el('input.cs-input', {placeholder, maxlength: 80, spellcheck: 'false'});
      return [input, el('label.cs-label', {}, label, input)];
    };
    const [trigger, triggerField] = field('Trigger word', TRIGGER);
    const [classWord, classField] = field('Class word', CLASS);
    Object.assign(this, {trigger, classWord, classField});
    this.kinds = KINDS.map(([name, label, title]) => {
      const attributes = {type: 'button', title, 'data-kind': name, onclick: () => this.choose(name)};
      return el('button.cs-segment', attributes, label);
    });
    this.lines = el('input.cs-checkbox', {type: 'checkbox'});
    this.linesNow = el('span.cs-small.cs-muted');
    const lines = el('label.cs-check', {}, this.lines, el('span', {}, LINES, this.linesNow));
    const keep = el('button.cs-button.cs-primary', {type: 'submit'}, 'Save');
    const later = button('Not now', () => this.show(false), {kind: '.cs-quiet'});
    const onsubmit = (event) => {
      event.preventDefault();
      const said = {kind: this.kind, trigger: trigger.value, class_word: classWord.value, lines: this.lines.checked};
      attempt(() => save(said), keep);
    };
    this.node = el(
      'form.cs-card.cs-about.cs-stack.cs-hidden',
      {'aria-label': 'What the images show', onsubmit},
      el('h3.cs-card-title', {style: {margin: '0'}}, 'What do these images show?'),
      el('div.cs-segments', {role: 'group', 'aria-label': 'Subject or style'}, this.kinds),
      el('div.cs-pair', {}, triggerField, classField),
      lines,
      el('div.cs-toolbar', {}, keep, later),
    );
    const open = () => this.show(true);
    this.edit = button('Change', open, {
      kind: '.cs-quiet',
      glyph: icon('text', 14),
      title: 'Kind, trigger, class word, several captions',
    });
  }

  choose(kind) {
    this.kind = kind;
    for (const one of this.kinds) one.setAttribute('aria-pressed', String(one.dataset.kind === kind));
    this.classField.classList.toggle('cs-hidden', kind === 'style');
  }
  show(open) {
    this.node.classList.toggle('cs-hidden', !open);
    if (open) this.trigger.focus();
  }
  /** Fills the card with what is known of a dataset; `ask` opens it. */
  opened({kind, trigger, class_word: classWord, sample, lines, items}, ask) {
    this.lines.checked = lines;
    this.linesNow.textContent = linesText(items, lines);
    this.trigger.value = trigger;
    this.classWord.value = classWord;
    this.choose(kind);
    this.node.classList.toggle('cs-hidden', sample || !ask);
  }
}
