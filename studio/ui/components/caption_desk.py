"""What the Caption tab's grid and big view ask while a person works in them: saving a caption, whether
files have changed, tokens, large copies, filters and quick tags that are kept.

Owns: these server functions; everything visible is rendered by `static/scripts/caption/`. Refuses to
know: how captions lie on disk, tokenizers, the filter language.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from studio.core.errors import InputError, StudioError
from studio.core.names import original
from studio.library.caption_desk import Desk
from studio.library.captions import CaptionChanged, Sighting
from studio.ui.components.prepare_recipes import recipes_of
from studio.ui.live import Json, Page, read

if TYPE_CHECKING:
    from studio.app import Studio

LARGE = 1600  # pixels of the longer side in the big view
MOST_TEXTS = 1000  # captions that are counted in one call
MOST_SEEN = 500  # images that are looked at again in one call


class CaptionDesk:
    """Server functions of the grid, the big view and the filter above them."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page, self.library = studio, page, page.library
        self.desk = studio.library.caption_desk

    def functions(self) -> list[Callable[..., Any]]:
        """For the component that holds them."""
        return [
            self.save_caption, self.look_again, self.large_copy, self.caption_tokens,
            self.caption_desk, self.save_filter, self.remove_filter, self.filter_used, self.pin_tags,
        ]  # fmt: skip

    def save_caption(self, argument: Any) -> Json:
        """Writes one caption beside its image.

        With `before`, the caption that the page has seen, nothing is overwritten that it has not:
        `changed` is then what stands there. `gone`: there is no image any more.
        """
        identity, name, text = read(argument, dataset=str, file=str, text=str)
        before = read(argument, before=str)[0] if "before" in argument else None
        image = self.library.file(identity, name)
        folder = self.library.own(identity)
        if not image.is_file():
            return {"gone": True}
        try:
            self.studio.library.captions.save(folder, name, text.strip(), before)
        except CaptionChanged as changed:
            return {"changed": changed.now}
        return {"saved": True}

    def look_again(self, argument: Any) -> Json:
        """Of images that a page shows, [caption, stamp] by file: those that are otherwise by now."""
        identity, seen = read(argument, dataset=str, seen=dict)
        known = {
            str(file): (str(pair[0]), str(pair[1]))
            for file, pair in list(seen.items())[:MOST_SEEN]
            if isinstance(pair, list) and len(pair) == 2
        }
        found = self.studio.library.captions.look_again(self.library.path(identity), known)
        return {file: _told(sighting) for file, sighting in found.items()}

    def large_copy(self, argument: Any) -> Json:
        """The address of an image, as it is prepared, as large as the big view shows it."""
        identity, name = read(argument, dataset=str, file=str)
        image = self.library.file(identity, name)
        if not image.is_file():
            raise InputError("This image is not there any more", where=name[:200])
        recipes = recipes_of(self.library.path(identity))
        recipe = recipes.of(recipes.folder / original(name))
        return {"path": str(self.page.thumbnails.of(image, LARGE, recipe=recipe))}

    def caption_tokens(self, argument: Any) -> Json:
        """Tokens of captions in their order, and how many one chunk takes; `waits` while the engine is
        being loaded, `problem` for a base that cannot count."""
        base, texts = read(argument, base=str, texts=list)
        if not self.studio.ready.is_set():
            return {"waits": True}
        try:
            captions = [str(text) for text in texts[:MOST_TEXTS]]
            found = self.studio.generation.caption_tokens(base, captions)
        except StudioError as error:
            return {"problem": error.what}
        return {"tokens": found.tokens, "room": found.room}

    def caption_desk(self, argument: Any) -> Json:
        """Saved and recent filters, and the quick tags of a dataset."""
        (identity,) = read(argument, dataset=str)
        tags = self.desk.quick_tags(self.library.path(identity))
        return _filters(self.desk.read()) | {"quick_tags": tags}

    def save_filter(self, argument: Any) -> Json:
        """Keeps a filter under a name."""
        return _filters(self.desk.save_filter(*read(argument, name=str, text=str)))

    def remove_filter(self, argument: Any) -> Json:
        """Forgets a saved filter."""
        return _filters(self.desk.remove_filter(*read(argument, name=str)))

    def filter_used(self, argument: Any) -> Json:
        """Notes a filter among the recent ones."""
        return _filters(self.desk.used(*read(argument, text=str)))

    def pin_tags(self, argument: Any) -> list[str]:
        """Keeps the quick tags of a dataset; answers them as they are kept."""
        identity, tags = read(argument, dataset=str, tags=list)
        return self.desk.pin(self.library.path(identity), [str(tag) for tag in tags])


def _told(sighting: Sighting) -> Json:
    if sighting.gone:
        return {"gone": True}
    return {"caption": sighting.caption, "stamp": sighting.stamp}


def _filters(desk: Desk) -> Json:
    return {"filters": [asdict(one) for one in desk.filters], "recent": desk.recent}
