/** Returns what sets the value; `news()` is called when Python has set another one.
 *
 * When a tab opens for the first time, Gradio makes its parts, waits for a frame, and then gives
 * each the value that Python last set once more: it would undo what a part took until then. So until
 * two frames have passed (frames, not a time: they come after Gradio's own however slow the page is)
 * that very value is no news, and ours is put back. */
export function ownValue({props, watch, trigger}, news) {
  const text = () => JSON.stringify(props.value ?? null);
  let own = text();
  let told = own;
  let fresh = true;
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      fresh = false;
    }),
  );
  watch('value', () => {
    const now = text();
    if (now === own) return;
    if (fresh && now === told) {
      props.value = JSON.parse(own);
      trigger('input', props.value);
      return;
    }
    told = now;
    own = now;
    news();
  });
  return (value) => {
    own = JSON.stringify(value ?? null);
    props.value = JSON.parse(own);
  };
}
