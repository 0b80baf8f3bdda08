"""The caption of an image at a step: picked, dropped, with fewer tags in another order, in a template.

Owns: what is random about it, as pure functions of (seed, purpose, step, place in the run): resuming needs
nothing. Refuses to know: models, where captions come from.
"""

from __future__ import annotations

import torch

from studio.diffusion.seeds import generator, permutation, uniform
from studio.formats.captions import fill_template
from studio.settings.training import DataSettings
from studio.train.data import Item


def item_caption(item: Item, settings: DataSettings, seed: int, step: int, key: int) -> str:
    """What an item is trained with at place `key` of the run: its caption or one of several, of
    which one that stands there twice comes twice as often, as `training_caption` makes it."""
    text = item.caption
    if item.captions:
        text = item.captions[int(uniform(seed, "caption", step, key) * len(item.captions))]
    return training_caption(text, settings, seed, step, key, item.name)


def training_caption(
    caption: str, settings: DataSettings, seed: int, step: int, item: int, name: str = ""
) -> str:
    """The caption of an item at a step: dropped, some of its tags dropped, the others shuffled, put
    into a template picked from those of the settings. `name` goes before the run's trigger."""
    if settings.caption_dropout and uniform(seed, "dropout", step, item) < settings.caption_dropout:
        return ""
    if (settings.shuffle_tags or settings.tag_dropout) and "," in caption:
        caption = ", ".join(_tags(caption, settings, seed, step, item))
    line = 0
    if len(settings.template) > 1:
        line = int(uniform(seed, "template", step, item) * len(settings.template))
    return templated(caption, settings, name, line)


def _tags(caption: str, settings: DataSettings, seed: int, step: int, item: int) -> list[str]:
    """The first tags as they are; of the others those that stay, shuffled where that is wanted."""
    tags = [tag.strip() for tag in caption.split(",")]
    kept, rest = tags[: settings.keep_tags], tags[settings.keep_tags :]
    if settings.shuffle_tags:
        rest = [rest[k] for k in permutation(len(rest), seed, "tags", step, item)]
    if settings.tag_dropout:
        dice = generator(seed, "tag-dropout", step, item)
        chances = torch.rand(len(rest), generator=dice).tolist()
        rest = [
            tag
            for tag, chance in zip(rest, chances, strict=True)
            if tag and chance >= settings.tag_dropout
        ]
    return kept + rest


def templated(caption: str, settings: DataSettings, name: str = "", line: int = 0) -> str:
    """The caption inside a line of the template, with [name] and [filewords] filled in."""
    if not settings.template:
        return caption
    return fill_template(settings.template[line], name or settings.trigger, caption)
