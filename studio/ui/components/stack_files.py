"""Saved stacks and block weights, as the stack's script asks for them.

Owns: these server functions. Refuses to know: cards, how a saved stack is laid out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from studio.core.errors import InputError
from studio.settings import block_weights
from studio.settings.training import StackItem
from studio.ui.live import Json, read

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.library.saved_stacks import LoadedStack

MOST = 64


def stack_files(studio: Studio) -> list[Callable[[Any], Any]]:
    """`save_stack`, `saved_stacks`, `load_stack` and `delete_stack`, for the component."""

    def save_stack(argument: Any) -> Json:
        name, items, base = read(argument, name=str, items=list, base=str)
        if len(items) > MOST or not all(isinstance(entry, dict) for entry in items):
            raise InputError("The adapter stack is unreadable", remedy="Reload the page.")
        path = studio.library.stacks.save(name, [StackItem.parse(entry) for entry in items], base)
        return {"path": str(path), "file": path.name}

    def saved_stacks(argument: Any) -> list[Json]:
        return studio.library.stacks.all()

    def load_stack(argument: Any) -> Json:
        (identity,) = read(argument, id=str)
        return loaded_stack(studio.library.stacks.load(studio.library.stacks.path(identity)))

    def delete_stack(argument: Any) -> None:
        (identity,) = read(argument, id=str)
        studio.library.stacks.delete(identity)

    return [save_stack, saved_stacks, load_stack, delete_stack]


def loaded_stack(loaded: LoadedStack) -> Json:
    """A loaded stack as the script wants it."""
    items = [item.model_dump() for item in loaded.items]
    names = ("name", "base", "missing", "notes")
    return {"items": items, **{name: getattr(loaded, name) for name in names}}


def check_blocks(studio: Studio) -> Callable[[Any], Json]:
    """The server function that turns written block weights into names with factors."""

    def check_blocks(argument: Any) -> Json:
        text, base = read(argument, text=str, base=str)
        found = block_weights.parse(text)
        if not found:
            return {"blocks": {}}
        known = studio.library.blocks(base)
        named = block_weights.spread(found, known) if isinstance(found, list) else found
        block_weights.factors(named, known)  # names that this base does not have are refused here
        return {"blocks": named}

    return check_blocks
