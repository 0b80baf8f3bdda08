"""What the captions of a run come to: how many each image has, and how many different texts training
will make of them.

Owns: the count, how much memory encoded texts may take, and the sentences about both. Refuses to know:
torch, so that a form can ask; which text comes at which step (`captions`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from studio.architectures import ARCHITECTURES
from studio.core.counts import counted
from studio.families.detect import BaseInfo
from studio.formats.dataset import DatasetImage, DatasetInfo
from studio.settings.training import DataSettings, RunConfig

TOKENS, FLOAT = 77, 4  # of one chunk of CLIP; bytes of a number in fp32, the most it can be
TEXT_BYTES = 1 << 30
"""Memory for encoded texts."""


def captions_each(info: DatasetInfo) -> tuple[int, int] | None:
    """The fewest and the most different captions that an image has; None where none has several."""
    counts = [len(set(item.captions)) for item in info.items if item.captions]
    if not counts or max(counts) < 2:
        return None
    rest = len(counts) < len(info.items)
    return min([*counts, *([1] if rest else [])]), max(counts)


def most_texts(config: RunConfig, info: DatasetInfo) -> int:
    """How many different texts a run can make of its captions, at most."""
    train, data = config.train, config.data
    shown = train.steps * train.batch_size * train.gradient_accumulation
    weight = sum(item.repeats for item in info.items) or 1
    lines = max(1, len(data.template))
    total = 0
    for item in info.items:
        own = math.ceil(shown * item.repeats / weight)
        total += min(own, lines * sum(_forms(text, data) for text in _texts(item)))
    return min(shown, total) + (data.caption_dropout > 0)


def caption_notes(config: RunConfig, info: DatasetInfo, base: BaseInfo, cached: bool) -> list[str]:
    """Sentences on captions that change from step to step, and what that costs."""
    notes = []
    each, data = captions_each(info), config.data
    if each is not None:
        least = "" if each[0] == each[1] else f"{each[0]} to "
        many = f"{least}{counted(each[1], 'caption')}"
        notes.append(f"{counted(info.images, 'image')}, {many} each: one is picked at every step.")
    texts = most_texts(config, info)
    changing = data.shuffle_tags or data.tag_dropout or each is not None or len(data.template) > 1
    if not (changing and cached and base.family):
        return notes
    size = texts * TOKENS * FLOAT * sum(
        encoder.width for encoder in ARCHITECTURES[base.family].text_encoders
    )  # fmt: skip
    megabytes = f"about {counted(math.ceil(size / 2**20), 'MB', 'MB')} of encoded text"
    kept = f"{megabytes}, each encoded once"
    if size > TEXT_BYTES:
        kept = f"{megabytes}, of which {TEXT_BYTES >> 20} MB are kept and the rest is encoded again"
    notes.append(f"Captions change from step to step: at most {counted(texts, 'text')}, {kept}.")
    return notes


def _texts(item: DatasetImage) -> Iterator[str]:
    yield from dict.fromkeys(item.captions or (item.caption or "",))


def _forms(caption: str, data: DataSettings) -> int:
    """How many texts the tags of one caption can become."""
    rest = max(0, caption.count(",") + 1 - data.keep_tags) if "," in caption else 0
    rest = min(rest, 20)  # 20! is more than any run shows
    if data.shuffle_tags and data.tag_dropout:
        return sum(math.perm(rest, kept) for kept in range(rest + 1))
    if data.shuffle_tags:
        return math.factorial(rest)
    return 2**rest if data.tag_dropout else 1
