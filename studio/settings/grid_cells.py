"""A grid written out: every cell with its settings.

Owns: what an axis does to settings, in which order, and which cells can be generated together.
Refuses to know: torch, files, how an image is generated; what people write (`settings.grid`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from studio.core.counts import counted
from studio.core.errors import SettingsError
from studio.settings.base import Settings
from studio.settings.generation import GenerateSettings
from studio.settings.grid import (
    ALONE,
    MOST_CELLS,
    NONE,
    SIDES,
    STACK_KINDS,
    TITLES,
    Axis,
    AxisKind,
    GridSettings,
    reference,
)  # fmt: skip
from studio.settings.stack import StackItem


@dataclass(frozen=True)
class Cell:
    """One image of a grid, by its place."""

    x: int
    y: int
    page: int
    settings: GenerateSettings


@dataclass(frozen=True)
class Side:
    """One axis as it is shown."""

    title: str
    headings: list[str]


@dataclass(frozen=True)
class Layout:
    """A grid written out: three sides (of length 1 where nothing varies) and every cell."""

    x: Side
    y: Side
    pages: Side
    cells: list[Cell]


def lay_out(
    settings: GridSettings, resolve: Callable[[GenerateSettings], GenerateSettings] | None = None
) -> Layout:
    """Every cell with its settings, row by row. SettingsError when an axis makes no sense.

    `resolve` has the last word on each cell's settings: it puts files that a prompt's tags name on
    the stack, and its errors come through.
    """
    axes = {name: axis for name in SIDES if (axis := getattr(settings, name))}
    kinds = [axis.kind for axis in axes.values()]
    if doubled := [kind for kind in kinds if kinds.count(kind) > 1]:
        raise SettingsError(
            f"Two axes vary the same ({TITLES[doubled[0]].lower()})", remedy="Change one of them."
        )
    if {"adapter", "checkpoint"} <= set(kinds):
        raise SettingsError("Files and checkpoints cannot vary at once", remedy="Change one axis.")
    alone = _alone_on(axes) if settings.baseline else ""
    sides, places = {}, {}
    for name in SIDES:
        sides[name], places[name] = _side(axes.get(name), name == alone)
    count = len(places["x"]) * len(places["y"]) * len(places["pages"])
    if count > MOST_CELLS:
        raise SettingsError(
            f"This grid has {counted(count, 'image')}",
            remedy=f"Generate at most {MOST_CELLS} at once.",
        )
    cells = []
    for page, y, x in product(*(range(len(places[name])) for name in ("pages", "y", "x"))):
        values = {"x": places["x"][x], "y": places["y"][y], "pages": places["pages"][page]}
        wanted = _settings_of(settings.generation, axes, values)
        wanted = resolve(wanted) if resolve else wanted
        if None in values.values():
            wanted = wanted.model_copy(update={"stack": []})
        cells.append(Cell(x, y, page, wanted))
    if alone and not any(item.enabled for cell in cells for item in cell.settings.stack):
        raise SettingsError(
            "The stack is empty, so every image is the base alone already",
            remedy="Put a file on the stack, or leave the baseline out.",
        )
    return Layout(sides["x"], sides["y"], sides["pages"], cells)


def _side(axis: Axis | None, alone: bool) -> tuple[Side, list[str | None]]:
    """How a side is shown, and its values; None stands for the base alone."""
    if axis is None:
        headings = ["with the stack", ALONE] if alone else [""]
        return Side("", headings), ["", None] if alone else [""]
    first = [ALONE] if alone else []
    return Side(TITLES[axis.kind], [*first, *axis.headings]), [None] * alone + list(axis.values)


def _settings_of(
    common: GenerateSettings, axes: dict[str, Axis], values: dict[str, str | None]
) -> GenerateSettings:
    """The settings of one cell, given the value of each side."""
    wanted = common.model_copy(update={"count": 1})
    plain = None in values.values()
    added = ""
    # the order of `TITLES` is the order in which axes act
    for name in sorted(axes, key=lambda name: list(TITLES).index(axes[name].kind)):
        axis, value = axes[name], values[name]
        if value is None or (plain and axis.kind in STACK_KINDS):
            continue
        if axis.kind == "adapter":
            added = reference(value)[0]
        if axis.kind == "strength" and not axis.of and "adapter" in {a.kind for a in axes.values()}:
            if added.lower() in NONE:
                continue
            axis = axis.model_copy(update={"of": Path(added).name})
        wanted = apply(wanted, axis, value)
    return wanted


def apply(settings: GenerateSettings, axis: Axis, value: str) -> GenerateSettings:
    """The settings with one axis at one value. SettingsError."""
    return _ACTIONS[axis.kind](settings, axis, value)


def _alone_on(axes: dict[str, Axis]) -> str:
    """The side on which the base alone has its place."""
    for name, axis in axes.items():
        if axis.kind in STACK_KINDS:
            return name
    for name in ("y", "pages"):
        if name not in axes:
            return name
    raise SettingsError(
        "There is no place for the base alone", remedy="Leave an axis free, or the baseline out."
    )


def _adapter(settings: GenerateSettings, axis: Axis, value: str) -> GenerateSettings:
    path, strength = reference(value)
    if path.lower() in NONE:
        return settings
    item = StackItem.parse({"path": path, "strength": strength})
    return settings.model_copy(update={"stack": [*settings.stack, item]})


def _strength(settings: GenerateSettings, axis: Axis, value: str) -> GenerateSettings:
    wanted = _parsed(StackItem, {"path": "x"}, "strength", value, axis)
    stack = list(settings.stack)
    chosen = [
        k for k, item in enumerate(stack)
        if item.enabled and (not axis.of or axis.of in (Path(item.path).stem, Path(item.path).name))
    ]  # fmt: skip
    if not chosen:
        what = f"“{axis.of}” is not on the stack" if axis.of else "There is no file on the stack"
        raise SettingsError(what, remedy="Add the file whose strength should vary.")
    for k in chosen:
        stack[k] = stack[k].model_copy(update={"strength": wanted})
    return settings.model_copy(update={"stack": stack})


def _replace(settings: GenerateSettings, axis: Axis, value: str) -> GenerateSettings:
    searched = axis.values[0]
    if searched not in settings.prompt and searched not in settings.negative_prompt:
        raise SettingsError(
            f"“{searched[:60]}” is not in the prompt",
            why="Search and replace looks for its first value in the prompts.",
        )
    texts = {
        name: getattr(settings, name).replace(searched, value)
        for name in ("prompt", "negative_prompt")
    }
    return settings.model_copy(update=texts)


def _field(name: str) -> Callable[[GenerateSettings, Axis, str], GenerateSettings]:
    def change(settings: GenerateSettings, axis: Axis, value: str) -> GenerateSettings:
        found = _parsed(GenerateSettings, {}, name, value, axis)
        return settings.model_copy(update={name: found})

    return change


def _seed(settings: GenerateSettings, axis: Axis, value: str) -> GenerateSettings:
    found = _field("seed")(settings, axis, value)
    if found.seed < 0:  # a cell that is generated again has to be the same
        raise SettingsError("The axis “seed” cannot be −1", remedy="Write the seeds themselves.")
    return found


def _parsed(cls: type[Settings], rest: dict[str, Any], name: str, text: str, axis: Axis) -> Any:
    """One value out of text, by the rules of the setting it becomes."""
    try:
        return getattr(cls.parse({**rest, name: text}), name)
    except SettingsError as error:
        raise SettingsError(
            f"The axis “{TITLES[axis.kind].lower()}” cannot be {text[:60]!r}", why=error.what
        ) from None


def _checkpoint(settings: GenerateSettings, axis: Axis, value: str) -> GenerateSettings:
    raise SettingsError("The checkpoints of this axis were not looked up", where=axis.of)


_ACTIONS: dict[AxisKind, Callable[[GenerateSettings, Axis, str], GenerateSettings]] = {
    "adapter": _adapter, "checkpoint": _checkpoint, "strength": _strength,
    "prompt": _field("prompt"), "replace": _replace, "seed": _seed,
    "sampler": _field("sampler"), "guidance": _field("guidance"), "steps": _field("steps"),
}  # fmt: skip


def groups(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Cells that can be generated together: all is equal but prompt and seed.

    Ordered so that the stack changes as rarely as possible.
    """
    stacks: dict[str, dict[str, list[Cell]]] = {}
    for cell in cells:
        values = cell.settings.model_copy(update={"prompt": "", "seed": 0})
        stack = "|".join(item.model_dump_json() for item in values.stack if item.enabled)
        stacks.setdefault(stack, {}).setdefault(values.model_dump_json(), []).append(cell)
    return [group for rest in stacks.values() for group in rest.values()]
