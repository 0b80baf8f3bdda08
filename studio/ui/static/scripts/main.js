// The page's one entry. Gradio makes a part of the page and calls `mount` with its name; the part's
// own module does the rest. Owns: which module a name means. Refuses to know: what the parts show.
import {holdButtons} from './core/connection.js';
import {catchStrayDrops} from './core/drops.js';
import {fetchLater} from './core/later.js';
import {notice} from './core/notices.js';
import {watchPlace} from './core/place.js';
import {watchPresses} from './core/press.js';
import {sends, watchToasts} from './core/toasts.js';

const PARTS = {
  header: () => import('./core/header.js'),
  add_base: () => import('./bases/add_base.js'),
  base_button: () => import('./bases/base_button.js'),
  caption: () => import('./caption/caption.js'),
  draft: () => import('./core/draft.js'),
  train_pick: () => import('./train/pick.js'),
  form_tools: () => import('./train/form_tools.js'),
  preflight: () => import('./train/preflight.js'),
  start_answer: () => import('./train/start_answer.js'),
  run_view: () => import('./train/run_view.js'),
  stack: () => import('./generate/stack.js'),
  library: () => import('./generate/library.js'),
  prompt_tools: () => import('./generate/prompt_tools.js'),
  prompt_words: () => import('./generate/prompt_words.js'),
  start_image: () => import('./generate/start_image.js'),
  mask_brush: () => import('./generate/mask_brush.js'),
  modes: () => import('./core/modes.js'),
  images: () => import('./generate/images.js'),
  gallery: () => import('./generate/gallery.js'),
  axes_grid: () => import('./generate/axes_grid.js'),
  columns: () => import('./compare/columns.js'),
  comparison: () => import('./compare/comparison.js'),
  vote: () => import('./compare/vote.js'),
  comparison_images: () => import('./compare/images.js'),
  comparison_measures: () => import('./compare/measure_table.js'),
  comparison_report: () => import('./compare/report.js'),
  checkpoint_pick: () => import('./compare/checkpoint_pick.js'),
  checkpoint_curves: () => import('./compare/checkpoint_curves.js'),
  past_comparisons: () => import('./compare/past.js'),
  shootout_form: () => import('./compare/shootout_form.js'),
};

/** Starts one part. `part` is what Gradio gives to a component's script: {element, trigger, props,
 *  server, upload, watch}; `events` are the names that Python listens to. */
export async function mount(name, part, events) {
  let found;
  try {
    found = await PARTS[name]();
  } catch (error) {
    console.error(error);
    notice({
      what: 'A part of the page could not be loaded',
      where: name,
      why: 'The studio was started anew, perhaps in another version, or is away.',
      remedy: 'Reload the page.',
    });
    return;
  } finally {
    part.element.inert = false;
  }
  const trigger = (event, data) => {
    if (!events.includes(event)) throw new Error(`“${name}” sends “${event}”, which nobody listens to`);
    sends(name, event);
    part.trigger(event, data);
  };
  found.mount({...part, trigger});
  fetchLater();
}

catchStrayDrops();
holdButtons();
watchPresses();
watchPlace('caption');
watchToasts();
