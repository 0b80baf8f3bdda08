// The button below a select of bases. Owns: asking for the dialog, and telling Python to list anew.
import {hear, tell} from '../core/channel.js';
import {labelled} from '../core/icons.js';

export function mount({element, props, trigger}) {
  const {asked} = props;
  const ask = () => tell('studio:add-base', {asked});
  element.firstElementChild.append(labelled('plus', 'Add a model …', ask, '.cs-quiet.ba-button'));
  hear(element, 'studio:base-added', (news) => trigger('added', {base: news.asked === asked ? news.name : ''}));
  trigger('shown'); // the page may be older than what is on the disk
}
