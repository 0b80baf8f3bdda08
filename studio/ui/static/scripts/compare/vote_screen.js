// The screen on which somebody votes: two images, four answers. It covers the page, so that nothing on it
// tells the columns apart. Owns: what it shows, keys. Refuses to know: the order of pairs (`ballot.js`),
// whose images they are: nothing here does.
import {partsOf} from '../core/calls.js';
import {el, openDialog, sharpen} from '../core/dom.js';
import {labelled} from '../core/icons.js';
import {message} from '../core/notices.js';
import {answerOf, progressText} from './vote_words.js';

const ANSWERS = [
  ['left', 'Left', 'Top', '←'],
  ['equal', 'No difference', 'Equal', '='],
  ['bad', 'Both bad', 'Both bad', '↓'],
  ['right', 'Right', 'Bottom', '→'],
];

class VoteScreen {
  /** `ended(how)` is called once: 'paused', 'ended', or 'decided' when the votes of all have an answer. */
  constructor({host, ballot, title, references, ended}) {
    Object.assign(this, {host, ballot, ended});
    this.decidedBefore = ballot.progress.decided;
    this.how = 'paused';
    this.images = {left: this.side('left'), right: this.side('right')};
    this.prompt = el('p.vo-prompt');
    this.far = el('span.vo-far.cs-small.cs-muted.cs-number', {role: 'status'});
    this.bar = el('i');
    this.undo = labelled('undo', 'Undo', () => this.act(() => ballot.undo()));
    this.undo.title = 'Takes the last vote back (Backspace)';
    this.told = el('div.vo-told', {'aria-live': 'assertive'});
    this.answers = ANSWERS.map((answer) => this.answer(answer));
    this.dialog = el(
      'dialog.vo-screen',
      {'aria-label': title, tabindex: '-1'},
      el(
        'header.vo-top',
        {},
        el('h2.vo-question', {}, title),
        this.far,
        this.undo,
        labelled('check', 'End', () => this.close('ended')),
      ),
      el('div.cs-progress', {}, this.bar),
      this.prompt,
      references.length > 0 && this.references(references),
      el('div.vo-pair', {}, this.images.left, this.images.right),
      this.told,
      el('div.vo-answers', {role: 'group', 'aria-label': title}, this.answers),
    );
    this.dialog.addEventListener('keydown', (event) => this.pressed(event));
    this.dialog.addEventListener('close', () => this.ended(this.how));
  }

  side(name) {
    const onload = (event) => sharpen(event.currentTarget);
    const image = el('img', {alt: '', draggable: 'false', onload});
    const attributes = {
      type: 'button',
      'aria-label': name === 'left' ? 'First image' : 'Second image',
      onclick: () => this.vote(name),
    };
    return el('button.vo-side', attributes, image);
  }
  answer([name, wide, narrow, key]) {
    const words = wide === narrow ? wide : [el('span.vo-wide', {}, wide), el('span.vo-narrow', {}, narrow)];
    const attributes = {type: 'button', 'aria-keyshortcuts': name === 'equal' ? '=' : null};
    const hint = el('kbd.vo-key', {'aria-hidden': 'true'}, key);
    return el(
      'button.cs-button.vo-answer',
      {...attributes, onclick: () => this.vote(name)},
      hint,
      el('span', {}, words),
    );
  }
  references(urls) {
    const images = urls.map((src, at) => el('img', {src, alt: `Reference image ${at + 1}`}));
    return el('div.vo-references', {}, el('span.cs-small.cs-muted', {}, 'The subject:'), images);
  }

  async open() {
    openDialog(this.dialog, this.host);
    await this.act(() => this.ballot.begin());
    this.answers[0].focus();
  }
  close(how) {
    this.how = how;
    this.dialog.close();
  }
  vote(side) {
    return this.act(() => this.ballot.vote(side));
  }
  pressed(event) {
    const side = answerOf(event);
    if (side) {
      event.preventDefault();
      this.vote(side);
    } else if (event.key === 'Backspace' && !event.repeat) {
      event.preventDefault();
      this.act(() => this.ballot.undo());
    }
  }

  /** Does something to the ballot and shows what came of it; a failure is said here, above the page. */
  async act(action) {
    const doing = action();
    this.paint();
    try {
      if (await doing) this.told.replaceChildren();
    } catch (error) {
      const again = labelled('refresh', 'Try again', () => this.act(() => this.ballot.begin()));
      const parts = partsOf(error, 'The vote could not be taken');
      this.told.replaceChildren(message(parts, 'warning'), ...(this.ballot.current ? [] : [again]));
      this.paint();
      return;
    }
    const {progress, current} = this.ballot;
    if (progress.decided && !this.decidedBefore) this.close('decided');
    else if (!current && !this.ballot.busy) this.close('ended');
    else this.paint();
  }

  paint() {
    const {current, progress, busy} = this.ballot;
    const {done, left} = progress;
    this.far.textContent = progressText(progress);
    this.bar.style.width = `${(100 * done) / Math.max(1, done + left)}%`;
    if (!done && document.activeElement === this.undo) this.dialog.focus(); // what is disabled hears no key
    this.undo.disabled = !done;
    this.dialog.classList.toggle('is-busy', busy || !current);
    this.prompt.textContent = current?.prompt || '';
    for (const [name, button] of Object.entries(this.images)) {
      const image = button.firstChild;
      if (current && image.src !== current[name]) image.src = current[name];
      button.classList.toggle('is-empty', !current);
    }
  }
}

/** Shows the screen, inside of `host`; resolves with how it ended. */
export function voteScreen(given) {
  return new Promise((ended) => {
    new VoteScreen({...given, ended}).open();
  });
}
