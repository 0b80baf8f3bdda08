// How strong a file may be. The limits are those of the settings.
import {tables} from '../core/tables.js';
import {clamp} from '../core/values.js';

export const [LEAST, MOST] = tables.limits.strength;

/** A strength within the limits, with three digits. */
export const tidyStrength = (value) => Math.round(clamp(value, LEAST, MOST) * 1000) / 1000;
