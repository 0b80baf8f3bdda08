// One voter's way through the pairs: the one that is shown, the next one that is fetched meanwhile, and
// taking back. `ask` is {pair(tokens that wait), cast(token, side), undo()}, each a promise. Pure but for those.

export class Ballot {
  constructor(ask, progress) {
    Object.assign(this, {ask, progress});
    this.current = null;
    this.coming = null; // {pair} or {error}, later
    this.busy = false;
  }

  /** One thing at a time; what is asked for meanwhile is passed over. Returns whether it was done. */
  async alone(action) {
    if (this.busy) return false;
    this.busy = true;
    try {
      await action();
      return true;
    } finally {
      this.busy = false;
    }
  }
  fetch() {
    const waiting = this.current ? [this.current.token] : [];
    this.coming = this.ask.pair(waiting).then(
      (pair) => ({pair}),
      (error) => ({error}),
    );
  }
  /** Goes to the pair that comes next; throws when it could not be fetched, twice. */
  async advance() {
    this.current = null;
    let {pair, error} = (await this.coming) || {};
    if (error || !this.coming) pair = await this.ask.pair([]);
    this.current = pair;
    if (pair) this.fetch();
    else this.coming = null;
  }

  begin() {
    return this.alone(async () => {
      this.coming = null;
      await this.advance();
    });
  }
  /** Votes on the pair that is shown; when the vote is not taken, it stays. */
  vote(side) {
    if (!this.current) return Promise.resolve(false);
    return this.alone(async () => {
      this.progress = await this.ask.cast(this.current.token, side);
      await this.advance();
    });
  }
  undo() {
    return this.alone(async () => {
      const before = this.current;
      const {pair, progress} = await this.ask.undo();
      Object.assign(this, {current: pair, progress});
      if (before) this.coming = Promise.resolve({pair: before});
      else this.fetch();
    });
  }
}
