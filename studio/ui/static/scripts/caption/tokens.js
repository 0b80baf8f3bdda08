// How many tokens captions have on a base. Owns: the choice of the base, what was counted, and asking for
// what is in view. Refuses to know: how counts look.
import {call} from '../core/calls.js';
import {el, fillOptions} from '../core/dom.js';
import {recall, remember} from '../core/memory.js';
import {debounce, pause} from '../core/timing.js';

const AT_ONCE = 500; // captions in one question
const MOST = 60_000; // counts that are kept
const KEPT = 'cs-caption-base';
const AGAIN = 1500; // milliseconds until the engine is asked again that is being loaded

export class TokenCounts {
  /** `counted(all)` hears that there are new counts; `all`: of another base. */
  constructor(server, counted) {
    Object.assign(this, {server, counted});
    this.counts = new Map(); // caption → tokens
    this.room = null; // tokens of one chunk; null where any number fits
    this.problem = '';
    this.wanted = new Set();
    this.base = el('select.cs-input.cs-token-base', {'aria-label': 'Base model whose tokens are counted'});
    this.base.addEventListener('change', () => this.choose());
    this.node = el(
      'label.cs-token-choice.cs-small.cs-muted',
      {title: 'Tokens are counted as this base does'},
      'Tokens of',
      this.base,
    );
    this.askLater = debounce(() => this.ask(), 120);
  }

  /** Fills the choice of bases, once. */
  async begin() {
    if (this.base.options.length) return;
    const bases = await call(this.server.check_bases(null));
    fillOptions(this.base, [...bases.map(([name]) => [name, name]), ['', 'no base']], recall('browser', KEPT));
  }
  choose() {
    remember('browser', KEPT, this.base.value);
    Object.assign(this, {counts: new Map(), room: null, problem: ''});
    this.counted(true);
  }

  /** The tokens of a caption; undefined while they are not counted. */
  of(caption) {
    return caption.trim() ? this.counts.get(caption) : 0;
  }
  /** Counts the captions of these items soon, and says so by `counted()`. */
  want(captions) {
    for (const caption of captions) if (this.of(caption) === undefined) this.wanted.add(caption);
    if (this.wanted.size && this.base.value && !this.problem) this.askLater();
  }
  async ask() {
    const texts = [...this.wanted];
    this.wanted.clear();
    try {
      if (await this.count(texts)) this.counted();
    } catch {
      /* asked again when they are in view again */
    }
  }
  /** Counts all of these; false where nobody can, with the reason in `problem`. */
  async count(captions) {
    const base = this.base.value;
    if (!base) this.problem = 'No base is chosen whose tokens are counted';
    if (this.counts.size > MOST) this.counts.clear();
    const texts = [...new Set(captions)].filter((caption) => this.of(caption) === undefined);
    for (let at = 0; at < texts.length && !this.problem; ) {
      const some = texts.slice(at, at + AT_ONCE);
      const answer = await call(this.server.caption_tokens({base, texts: some}));
      if (base !== this.base.value) return false; // another one was chosen since
      if (answer.waits) {
        await pause(AGAIN);
        continue;
      }
      this.problem = answer.problem || '';
      if (this.problem) break;
      this.room = answer.room;
      for (const [place, text] of some.entries()) this.counts.set(text, answer.tokens[place]);
      at += AT_ONCE;
    }
    return !this.problem;
  }
}

/** What is shown beside a caption of so many tokens: {text, long, title}. Pure. */
export function tokenWords(tokens, room) {
  if (tokens === undefined) return {text: '', long: false, title: ''};
  const plain = `${tokens} ${tokens === 1 ? 'token' : 'tokens'}`;
  if (!room || tokens <= room) {
    return {text: room ? `${tokens}/${room}` : String(tokens), long: false, title: plain};
  }
  const chunks = Math.ceil(tokens / room);
  return {
    text: `${tokens}/${room}`,
    long: true,
    title: `${plain}: read in about ${chunks} chunks of ${room} here; other programs may cut it after the first`,
  };
}
