// The difference of two images, pixel by pixel. Pure.

/** |a − b| × gain into `out`, all of them RGBA bytes of one length; returns the mean of |a − b| over red, green
 *  and blue, 0 … 255. Transparency counts as black. */
export function differenceInto(out, a, b, gain) {
  let sum = 0;
  for (let at = 0; at < out.length; at += 4) {
    for (let channel = at; channel < at + 3; channel += 1) {
      const found = Math.abs((a[channel] * a[at + 3] - b[channel] * b[at + 3]) / 255);
      sum += found;
      out[channel] = Math.min(255, found * gain);
    }
    out[at + 3] = 255;
  }
  return out.length ? sum / (out.length * 0.75) : 0;
}
