// Calls to Python, and what becomes of their failures.
import {connectionLost, onceConnected} from './connection.js';
import {causeOf, notice, settle} from './notices.js';
import {released} from './press.js';

const AWAY = {
  kind: 'Away',
  what: 'The studio did not answer',
  remedy: 'It does again now. What you asked for was perhaps not done: look, and try again.',
};

/** Awaits `server.fn(argument)`; returns its data or throws an Error that carries `.parts`. */
export async function call(promise) {
  let answer; // Gradio's own client answers nothing when the server is away
  try {
    answer = await promise;
  } catch {
    /* the same */
  }
  await released();
  if (answer?.ok) return answer.data;
  if (!answer) connectionLost();
  throw refusal(answer?.error || AWAY);
}

/** An error with the parts of a message. */
export const refusal = (parts) => Object.assign(new Error(parts.what), {parts});

/** The parts of what was thrown: those it carries, or a sentence of its own with the reason. */
export const partsOf = (error, what) => error.parts || {what, why: String(error.message || error).slice(0, 300)};

/** Runs an action; its failure becomes a notice, which goes when the same is done again. Without a button
 *  or another cause it is known by its own text. Returns undefined when it failed. */
export async function attempt(action, button = null, cause = button ? causeOf(button) : String(action)) {
  settle(cause);
  const held = button && document.activeElement === button;
  if (button) {
    button.disabled = true;
    button.setAttribute('aria-busy', 'true');
  }
  try {
    return await action();
  } catch (error) {
    if (error.parts?.kind === 'Away') {
      onceConnected(() => notice(error.parts, 'warning', {cause})); // until then the banner says so
      return undefined;
    }
    if (!error.parts) console.error(error);
    const refused = /^HTTP \d+: (.+)/s.exec(error.message || ''); // an upload that the server did not take
    notice(
      refused && !error.parts
        ? {what: 'This could not be uploaded', why: refused[1]}
        : partsOf(error, 'This part of the page failed'),
      'error',
      {cause},
    );
    return undefined;
  } finally {
    if (button) {
      button.disabled = false;
      button.removeAttribute('aria-busy');
      if (held && document.activeElement === document.body) button.focus({preventScroll: true}); // disabling took it
    }
  }
}
