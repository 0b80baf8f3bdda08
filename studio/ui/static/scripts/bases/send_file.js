// Sends one file to the studio as it is. Owns: the two requests and what becomes of their failures.
import {refusal} from '../core/calls.js';
import {headLength} from './base_words.js';

const BROKEN = {
  what: 'The file could not be sent',
  why: 'The studio did not answer, or the connection broke off.',
  remedy: 'Try again; or copy the file to the studio’s machine and name its path.',
  safe: 'Nothing of it was kept.',
};

/** Its first bytes are checked, then all of it is sent; resolves with the base's name. `stop.abort()`
 *  ends it, and then it resolves with ''. `told(done, total)` hears how far it is. */
export async function sendFile(file, {head}, told, stop) {
  const eight = await file.slice(0, 8).arrayBuffer();
  const length = headLength(eight, head) || 512;
  await request('check', file.slice(0, length), file, () => {}, stop);
  const answer = stop.signal.aborted ? null : await request('send', file, file, told, stop);
  return answer?.name || '';
}

function request(path, body, {name, size}, told, stop) {
  return new Promise((resolve, reject) => {
    const asking = new XMLHttpRequest();
    const root = globalThis.gradio_config?.root || '';
    asking.open('POST', `${root}/bases/${path}`);
    asking.setRequestHeader('content-type', 'application/octet-stream');
    asking.setRequestHeader('x-name', encodeURIComponent(name));
    asking.setRequestHeader('x-size', String(size));
    asking.upload.onprogress = (event) => told(event.loaded, size);
    asking.onload = () => {
      const answer = parsed(asking.responseText);
      if (answer?.ok) resolve(answer.data);
      else reject(refusal(answer?.error || BROKEN));
    };
    asking.onerror = () => reject(refusal(BROKEN));
    asking.onabort = () => resolve(null);
    stop.signal.addEventListener('abort', () => asking.abort());
    asking.send(body);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
