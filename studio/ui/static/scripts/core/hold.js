// While a preset or a draft is on its way into a form, what is typed there would be overwritten by it,
// and Start would take what it replaces: both wait until it has arrived, or has failed to.

const LONGEST = 20000; // milliseconds; a server that is away says so itself

export class Hold {
  /** `form` contains the fields. */
  constructor(form) {
    this.form = form;
    this.token = ''; // of what is waited for
  }

  set(token) {
    this.token = token;
    this.form.classList.toggle('is-filling', Boolean(token));
    for (const part of this.form.querySelectorAll('.cs-fields, .cs-start')) {
      part.inert = Boolean(token);
      part.setAttribute('aria-busy', String(Boolean(token)));
    }
  }
  /** Returns the token that ends it. */
  begin() {
    const token = `${Date.now()}-${Math.random()}`;
    this.set(token);
    setTimeout(() => this.end(token), LONGEST);
    return token;
  }
  end(token) {
    if (this.token === token) this.set('');
  }
}
