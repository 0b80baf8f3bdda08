// Small things about values. Pure.

/** A copy that shares nothing; what JSON cannot carry becomes null. */
export const clone = (value) => JSON.parse(JSON.stringify(value ?? null));

export const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** `place` in a list of `length`, where the end leads to the beginning. */
export const wrap = (place, length) => (place + length) % length;
