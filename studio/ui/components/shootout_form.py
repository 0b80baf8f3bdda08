"""A shootout on the page: one click from a dataset to the answer, and the shootouts that there are.

Owns: the component, the way from what a browser sends to `ShootoutSettings`, and what the page is told of
a shootout. Refuses to know: how a shootout is planned, trained and compared; how its comparison is shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.compare.shootout.cost import Cost
from studio.compare.shootout.plan import images_per_step
from studio.core import atomic
from studio.core.counts import counted
from studio.core.errors import InputError, SettingsError, StorageError, StudioError
from studio.core.names import printable
from studio.core.paths import is_name
from studio.core.tables import read_table
from studio.core.text import lines
from studio.settings.base import override
from studio.settings.shootout import MOST_ENTRIES, ShootoutSettings
from studio.ui.components.column_form import seed_list
from studio.ui.components.references import references
from studio.ui.components.train_pick import TrainPick
from studio.ui.live import Json, Page, component, log, read

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.generation.shootouts import Planned, ShootoutView, TrainingView

SKELETON = """
<div class="so">
  <div class="cs-card so-form"></div>
  <div class="cs-card so-list" hidden></div>
</div>
"""


def shootout_form(studio: Studio, page: Page, opened: gr.HTML) -> None:
    """Adds the form and the list; a shootout's comparison is opened by the script."""
    ShootoutForm(studio, page).build()


class ShootoutForm:
    """What the part of the page may ask."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page = studio, page
        self.pick = TrainPick(studio, page)
        self.file = studio.workspace.cache / "shootout-form.json"

    def build(self) -> gr.HTML:
        return component(
            "shootout_form",
            SKELETON,
            [
                self.choices, self.covers, self.plan, self.start, self.status, self.pause,
                self.go_on, self.cancel, self.remove,
            ],
            elem_id="cs-shootout",
        )  # fmt: skip

    def choices(self, argument: Any) -> Json:
        """What can be chosen, and the form as it was left."""
        found = self.pick.choices(None)
        shown = ("name", "title", "unsupported", "drawing", "summary")
        return {
            "datasets": found["datasets"],
            "bases": found["bases"],
            "presets": found["presets"],
            "methods": [{key: row[key] for key in shown} for row in found["methods"]],
            "references": references(self.studio),
            "draft": read_table(self.file),
        }

    def covers(self, argument: Any) -> list[str]:
        """Thumbnails of the first images of a dataset."""
        return self.pick.covers(argument)

    def plan(self, argument: Any) -> Json:
        """What the form amounts to and takes. Keeps the form as it is."""
        (form,) = read(argument, form=dict)
        self._keep(form)
        return planned_view(self.studio.generation.shootouts.plan(self.settings(form)))

    def start(self, argument: Any) -> str:
        """Begins it; returns its id."""
        (form,) = read(argument, form=dict)
        self._keep(form)
        return self.studio.generation.shootouts.start(self.settings(form))

    def status(self, argument: Any) -> list[Json]:
        """Every shootout, newest first; those that are worked on in detail."""
        shootouts = self.studio.generation.shootouts
        found = []
        for one in shootouts.all():
            try:
                found.append(shootout_view(shootouts.view(one.id)))
            except StudioError:  # deleted in this moment
                continue
        return found

    def pause(self, argument: Any) -> bool:
        """Stops one where it is."""
        self.studio.generation.shootouts.pause(*read(argument, id=str))
        return True

    def go_on(self, argument: Any) -> bool:
        """Continues one, and tries again what failed."""
        self.studio.generation.shootouts.go_on(*read(argument, id=str))
        return True

    def cancel(self, argument: Any) -> bool:
        """Ends one."""
        self.studio.generation.shootouts.cancel(*read(argument, id=str))
        return True

    def remove(self, argument: Any) -> str:
        """Moves one to the trash; its runs and its comparison stay."""
        return str(self.studio.generation.shootouts.delete(*read(argument, id=str)))

    def settings(self, form: Json) -> ShootoutSettings:
        """The settings that a form stands for. Errors name the field."""
        base, entries = read(form, base=str, entries=list)
        data = self._data(form)
        if not entries:
            raise InputError("Nothing competes", remedy="Choose at least one method.")
        if len(entries) > MOST_ENTRIES:
            raise InputError(
                f"{counted(len(entries), 'entry', 'entries')} are too many",
                remedy=f"At most {MOST_ENTRIES}.",
            )
        values: Json = {
            "name": _text(form, "name")[:80],
            "data": printable(data),
            "base": base,
            "budget": _text(form, "budget") or "preset",
            "training_seeds": seed_list(_text(form, "training_seeds") or "1"),
            "reference": self._reference(_text(form, "reference")),
            "prompts": {
                "captions": form.get("captions", 2),
                "novel": form.get("novel", 2),
                "own": [one.strip() for one in lines(_text(form, "own")) if one.strip()],
                "seeds": seed_list(_text(form, "seeds") or "1-2"),
            },
            "sampling": {
                key: form[key] for key in ("images", "steps", "ordinary_images") if key in form
            },
            "entries": [_entry(one) for one in entries],
        }
        if values["budget"] != "preset":
            values["amount"] = form.get("amount") or 0
        return ShootoutSettings.parse(values)

    def _data(self, form: Json) -> Path:
        """The images: a folder that was typed, or else a dataset of the list."""
        if folder := _text(form, "folder").strip().strip("\"'"):
            return self.studio.library.dataset_path(folder)
        (dataset,) = read(form, dataset=str)
        if not dataset:
            raise InputError(
                "No dataset is chosen", remedy="Choose one, or make one in the Caption tab."
            ).at({"data": "No dataset is chosen."})
        return self.page.library.path(dataset)

    def _reference(self, text: str) -> str:
        return printable(self.studio.workspace.named(text)) if text.strip() else ""

    def _keep(self, form: Json) -> None:
        try:
            atomic.write_json(self.file, form)
        except StorageError:  # then it only lives in the page
            log.warning("the form of a shootout could not be kept", exc_info=True)


def _text(form: Json, key: str) -> str:
    value = form.get(key)
    if value is None:
        return ""
    if not isinstance(value, str | int | float):
        raise InputError(f"The page sent no usable “{key}”", remedy="Reload the page.")
    return str(value)[:20_000]


def _entry(value: Any) -> Json:
    """What a browser sent for an entry; `changes` is text: “options.rank=2, train.steps=40”."""
    if isinstance(value, dict) and isinstance(value.get("stack"), list):
        return {"name": _text(value, "name"), "stack": [str(one) for one in value["stack"]]}
    name, preset, changes = read(value, name=str, preset=str, changes=str)
    if not is_name(preset) or preset.endswith(".toml"):  # a path is for whoever sits at the machine
        raise InputError(f"There is no preset “{preset[:80]}”", remedy="Choose one of the list.")
    parts = [part.strip() for part in changes.replace("\n", ",").split(",") if part.strip()]
    try:
        change = override({}, parts)
    except SettingsError as error:
        error.where, error.remedy = f"entry “{name}”", "Write key=value, such as options.rank=2."
        raise
    return {"name": name, "preset": preset, "change": change}


def planned_view(planned: Planned) -> Json:
    """A plan as the page shows it."""
    plan, prices = planned.plan, planned.prices
    rows = []
    for name, cost in prices.entries.items():
        own = [one for one in plan.trainings if one.entry == name]
        config = own[0].config if own else None
        rows.append(
            {
                "name": name,
                "steps": config.train.steps if config else None,
                "seen": config.train.steps * images_per_step(config) if config else None,
                "exact": all(one.measured for one in own),
                **_cost(cost),
            }
        )
    return {
        "entries": rows,
        "total": _cost(prices.total),
        "seconds": round(prices.seconds, 1),
        "images": prices.images,
        "image_seconds": prices.image_seconds,
        "prompts": [prompt.as_json() for prompt in planned.ground.prompts],
        "notes": [*planned.ground.notes, *plan.notes],
    }


def _cost(cost: Cost) -> Json:
    return {**cost.model_dump(), "seconds": cost.seconds + cost.class_seconds}


def shootout_view(view: ShootoutView) -> Json:
    """A shootout as the page shows it."""
    one = view.shootout
    return {
        "id": one.id,
        "name": one.name,
        "created": one.created,
        "state": one.state if view.here or not one.going else "interrupted",
        "doing": one.doing,
        "here": view.here,
        "comparison": one.comparison,
        "error": one.error.as_json() if one.error else None,
        "budget": one.settings.get("budget"),
        "notes": list(one.notes),
        "progress": list(view.progress) if view.progress else None,
        "trainings": [_training(row) for row in view.trainings],
    }


def _training(view: TrainingView) -> Json:
    row, state = view.row, view.state
    found: Json = {
        "entry": row.entry, "seed": row.seed, "run": row.run, "done": row.done,
        "reused": row.reused, "error": row.error.as_json() if row.error else None,
    }  # fmt: skip
    if state is not None:
        names = ("state", "step", "steps", "eta", "reason", "preparing", "doing")
        found |= {name: getattr(state, name) for name in names}
    return found
