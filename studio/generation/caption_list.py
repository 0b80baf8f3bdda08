"""The images of a dataset that a filter lets through, with their captions.

Owns: what a filter is told of each image. Refuses to know: the filter's language
(`studio.caption.filter`), who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.caption.filter import Facts, Filter, parse, tags_of
from studio.checkup.captions import has_trigger, trigger_words
from studio.core.names import printable
from studio.formats.caption_marks import as_trained
from studio.formats.captions import Looked
from studio.formats.dataset import read_captions, read_dataset
from studio.library.library import Library

CountTokens = Callable[[Sequence[str]], Sequence[int]]


@dataclass(frozen=True)
class MatchingImage:
    """An image that a filter lets through. `tokens` only where the filter asked for them."""

    file: str
    caption: str
    tokens: int | None = None


@dataclass(frozen=True)
class CaptionList:
    """What a filter finds in a dataset."""

    dataset: str
    filter: str
    images: int
    """Of the whole dataset."""
    found: list[MatchingImage]

    def tags(self) -> dict[str, int]:
        """The tags of these captions, each with the number of captions that have it."""
        counts: dict[str, int] = {}
        for image in self.found:
            for tag in dict.fromkeys(tags_of(image.caption)):
                counts[tag] = counts.get(tag, 0) + 1
        return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0].lower(), pair[0])))


def matching(library: Library, root: Path, filter_text: str, count: CountTokens) -> CaptionList:
    """What a filter, or the saved one that `@name` means, finds in the dataset at `root`.

    `count` gives the tokens of captions; it is asked only where the filter is about them. FilterError,
    DatasetError, MissingError, and what `count` raises.
    """
    found = parse(library.caption_desk.filter_text(filter_text))
    looked = Looked()
    captions = {path: text or "" for path, text in read_captions(root, looked).items()}
    words = _words(found, root, library, looked) if found.needs else {}
    counts: dict[Path, int] = {}
    if "tokens" in found.needs:
        texts = [as_trained(text, words.get(path, "")) for path, text in captions.items()]
        counts = dict(zip(captions, count(texts), strict=True))
    facts = [
        Facts(
            printable(path.relative_to(root).as_posix()),
            text,
            counts.get(path),
            has_trigger(text, words[path]) if path in words else None,
        )
        for path, text in captions.items()
    ]
    matched = [MatchingImage(f.file, f.caption, f.tokens) for f in facts if found.test(f)]
    return CaptionList(printable(root), found.text, len(facts), matched)


def _words(found: Filter, root: Path, library: Library, looked: Looked) -> dict[Path, str]:
    """The trigger word of each image, where the dataset names any."""
    info = read_dataset(root, library.images, looked)
    words = trigger_words(info, info.trigger)
    if not words:
        found.refuse(
            "trigger",
            "This dataset names no trigger word",
            "Name one under “What do these images show?”, or in its dataset.toml.",
        )
    return {item.path: word for word, item in zip(words, info.items, strict=False)}
