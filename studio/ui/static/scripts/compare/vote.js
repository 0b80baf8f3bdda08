// The blind vote on the comparison that is open. Owns: who votes on which question, and when names may be
// seen. Refuses to know: how a vote is given (`vote_screen.js`), how a result looks (`vote_result.js`).
import {attempt, call, partsOf} from '../core/calls.js';
import {tell} from '../core/channel.js';
import {copyText} from '../core/clipboard.js';
import {el} from '../core/dom.js';
import {count} from '../core/format.js';
import {labelled} from '../core/icons.js';
import {recall, remember} from '../core/memory.js';
import {message} from '../core/notices.js';
import {Ballot} from './ballot.js';
import {follow, reread} from './opened.js';
import {resultView} from './vote_result.js';
import {voteScreen} from './vote_screen.js';
import {progressText, soFar, voteLink} from './vote_words.js';

const NAME = 'studio:vote-name';
const kept = (id) => `studio:vote:${id}`;
const INTRODUCTION =
  'Two images of the same prompt and the same noise, without names, in random order. Answer with ←, →, = for no ' +
  'difference, ↓ or B when both are bad; Backspace takes a vote back.';
const LINK_HINT = 'For everybody who can open this page: start the studio with --share or --listen to let others in.';

class Vote {
  constructor({element, server, props}) {
    Object.assign(this, {element, server, props});
    this.host = element.querySelector('.vo');
    this.comparison = null;
    this.invitation = null;
    this.question = 'prefer';
    this.voter = '';
    this.voting = false;
    this.covered = false; // whether the comparison was open when the vote began
    this.turn = 0; // answers that come too late are dropped
  }

  get id() {
    return this.comparison.id;
  }
  who(more = {}) {
    return {id: this.id, voter: this.voter, question: this.question, ...more};
  }
  title(question = this.question) {
    return this.props.questions.find(([key]) => key === question)?.[1] || '';
  }

  async show(comparison) {
    const before = this.comparison;
    const same = comparison && comparison.id === before?.id;
    this.comparison = comparison;
    if (this.voting) return; // what is below the screen is written when it closes
    if (!same) {
      const {voter = '', question = ''} = this.remembered();
      Object.assign(this, {voter, question, invitation: null});
      this.host.replaceChildren();
      if (comparison) await this.load();
    } else if (!this.invitation || before.blind !== comparison.blind) await this.load(); // cells have arrived
  }
  remembered() {
    try {
      return JSON.parse(recall('browser', kept(this.id))) || {};
    } catch {
      return {};
    }
  }

  /** Asks what can be voted on, and shows where this browser's voter is with it. */
  async load() {
    this.turn += 1;
    const {turn} = this;
    try {
      const found = await call(this.server.invitation(this.who()));
      if (turn !== this.turn) return;
      this.invitation = found;
      this.question ||= found.question;
    } catch (error) {
      if (turn === this.turn) this.refused(error);
      return;
    }
    const {own} = this.invitation;
    if (own?.ended) await this.reveal();
    else this.host.replaceChildren(...(own ? this.pausedView(own) : this.startView()), ...this.around());
  }

  refused(error) {
    const leave = labelled(null, 'Leave the vote', () => tell('studio:comparison-removed', this.id));
    const parts = message(partsOf(error, 'There is no vote'), 'info');
    this.host.replaceChildren(parts, ...(this.comparison.blind ? [el('div', {}, leave)] : []));
  }

  startView() {
    const {columns, pairs, votes, decided} = this.invitation;
    const name = el('input.cs-input', {maxlength: this.props.longest, autocomplete: 'nickname', required: true});
    name.value = recall('browser', NAME) || '';
    const options = this.props.questions.map(([value, text]) =>
      el('option', {value, selected: value === this.question}, text),
    );
    const status = el('span.cs-small.cs-muted');
    const told = el('div.vo-told');
    const paint = () => {
      status.textContent = soFar(votes[this.question], decided.includes(this.question));
    };
    const onchange = (event) => {
      this.question = event.currentTarget.value;
      paint();
    };
    paint();
    const begin = labelled(null, 'Start voting', null, '.cs-primary');
    begin.type = 'submit';
    const onsubmit = (event) => {
      event.preventDefault();
      attempt(() => this.start(name.value, told), begin);
    };
    const seen = Object.values(votes).some(Boolean);
    return [
      el(
        'form.cs-card.vo-start',
        {onsubmit},
        el('h3.cs-card-title', {}, 'Blind vote'),
        el('p', {}, INTRODUCTION),
        el(
          'p.cs-small.cs-muted',
          {},
          `${count(columns, 'column')}, ${count(pairs, 'pair')} of images; it ends once there is an answer.`,
        ),
        el('label.cs-label', {}, 'Question', el('select.cs-input', {onchange}, options)),
        el('label.cs-label', {}, 'Your name', name),
        told,
        el(
          'div.cs-toolbar',
          {},
          begin,
          seen && labelled(null, 'Show the result without voting', () => this.reveal(), '.cs-quiet'),
          status,
        ),
      ),
    ];
  }
  pausedView(own) {
    const another = () => {
      remember('browser', kept(this.id), '{}');
      this.voter = '';
      this.host.replaceChildren(...this.startView(), ...this.around());
    };
    const end = (event) => attempt(() => this.end(), event.currentTarget);
    return [
      el(
        'div.cs-card.vo-start',
        {},
        el('h3.cs-card-title', {}, this.title()),
        el('p', {}, `You vote as ${own.voter}: ${progressText(own)}.`),
        el(
          'div.cs-toolbar',
          {},
          own.left > 0 &&
            labelled(
              null,
              'Continue voting',
              (event) => attempt(() => this.begin(own), event.currentTarget),
              '.cs-primary',
            ),
          labelled(null, 'End and show the result', end),
          labelled(null, 'Vote under another name', another, '.cs-quiet'),
        ),
      ),
    ];
  }
  /** The link for others, and the way to what a blind page does not show. */
  around() {
    const link = el('input.cs-input.vo-link', {readonly: true, 'aria-label': 'Link to this vote'});
    link.value = voteLink(location, this.id);
    link.addEventListener('focus', () => link.select());
    const copy = labelled('copy', 'Copy the link', () => copyText(link.value, 'The link is copied'));
    return [
      el(
        'div.cs-card',
        {},
        el('h3.cs-card-title', {}, 'Let others vote'),
        el('div.cs-toolbar', {}, link, copy),
        el('p.cs-small.cs-muted', {}, LINK_HINT),
      ),
      ...(this.comparison.blind ? [this.way()] : []),
    ];
  }
  way() {
    return el(
      'p.cs-small.cs-muted.vo-way',
      {},
      'The rest of the page shows names: ',
      labelled(null, 'Show the whole comparison', () => reread(), '.cs-quiet'),
    );
  }

  async start(name, told, again = false) {
    let own;
    try {
      own = await call(this.server.start({id: this.id, name, question: this.question, again}));
    } catch (error) {
      if (error.parts?.kind !== 'BusyError') throw error;
      const mine = labelled(null, 'That is me: go on', (event) =>
        attempt(() => this.start(name, told, true), event.currentTarget),
      );
      told.replaceChildren(message(error.parts, 'warning'), mine);
      return;
    }
    this.voter = own.voter;
    remember('browser', NAME, own.voter);
    remember('browser', kept(this.id), JSON.stringify({voter: own.voter, question: this.question}));
    await this.begin(own);
  }
  /** Votes until the voter ends or pauses, or there is an answer; whatever names columns is away until it has ended. */
  async begin(own) {
    this.covered ||= !this.comparison.blind;
    this.voting = true;
    this.turn += 1;
    this.host.replaceChildren();
    tell('studio:vote-begins', this.id);
    try {
      await this.vote(own);
    } finally {
      this.voting = false;
    }
  }
  async vote(own) {
    const {server} = this;
    const ask = {
      pair: async (waiting) => loaded(await call(server.pair(this.who({waiting})))),
      cast: (token, side) => call(server.cast(this.who({token, side}))),
      undo: async () => {
        const answer = await call(server.undo(this.who()));
        await loaded(answer.pair);
        return answer;
      },
    };
    const wanted = this.question === 'subject' && this.invitation.references;
    const references = wanted ? await call(server.references({id: this.id})) : [];
    const ballot = new Ballot(ask, own);
    const how = await voteScreen({host: this.element, ballot, title: this.title(), references});
    if (how === 'paused') await this.load();
    else await this.end();
  }
  async end() {
    await attempt(() => call(this.server.end(this.who())));
    await this.load();
    if (this.covered) reread();
    this.covered = false;
  }

  /** Shows names and numbers. */
  async reveal() {
    const result = await attempt(() => call(this.server.result(this.who())));
    if (!result) return;
    const {votes, own} = this.invitation;
    const others = this.props.questions.filter(([key]) => votes[key] || key === this.question);
    const onchange = (event) => {
      this.question = event.currentTarget.value;
      this.reveal();
    };
    const options = others.map(([value, text]) => el('option', {value, selected: value === this.question}, text));
    const choose = others.length > 1 && el('select.cs-input', {'aria-label': 'Question', onchange}, options);
    const left = own?.question === this.question && own.left > 0;
    const on =
      left && labelled(null, 'Continue voting', (event) => attempt(() => this.begin(own), event.currentTarget));
    const back = !own && labelled('left', 'Back to the vote', () => this.load(), '.cs-quiet');
    const again = (event) => attempt(() => this.reveal(), event.currentTarget);
    const fresh = labelled('refresh', 'Count again', again, '.cs-quiet');
    this.host.replaceChildren(
      el(
        'div.cs-toolbar',
        {},
        back,
        choose,
        el('span.cs-muted.cs-small', {}, count(result.votes, 'vote')),
        el('span.cs-spacer'),
        on,
        fresh,
      ),
      resultView(result),
      ...this.around(),
    );
  }
}

/** A pair whose images can be shown at once. */
async function loaded(pair) {
  if (!pair) return pair;
  const decoded = (src) =>
    Object.assign(new Image(), {src})
      .decode()
      .catch(() => null);
  await Promise.all([decoded(pair.left), decoded(pair.right)]);
  return pair;
}

export function mount(part) {
  const vote = new Vote(part);
  follow(part.element, 'vote', (comparison) => vote.show(comparison));
}
