// The states of a run as the page calls them. The table is the server's.
import {el} from '../core/dom.js';
import {tables} from '../core/tables.js';

export const stateTitle = (state) => tables.run_states[state]?.title || state || 'unknown';

/** Whether a run in this state waits or works: it can still be steered. */
export const isActive = (state) => Boolean(tables.run_states[state]?.active);

export const methodTitle = (method) => tables.methods[method] || method || '';

export const badge = (state) => el('span.cs-badge', {'data-state': state}, stateTitle(state));
