"""The last run beside the base it was trained on, as the settings of a comparison.

Owns: which run, which prompts, which reference images. Refuses to know: the form they go into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.core.errors import MissingError, StudioError
from studio.runs.records import Sampled, only
from studio.ui.components.bases import base_choices
from studio.ui.components.columns import BASE_COLUMN, finished_runs
from studio.ui.components.references import held_out
from studio.ui.live import Json

if TYPE_CHECKING:
    from studio.app import Studio


def last_run(studio: Studio) -> Json:
    """Settings that compare the newest finished run with the base it was trained on."""
    runs = finished_runs(studio)
    if not runs:
        raise MissingError(
            "There is no finished run yet",
            remedy="Train one on the Train tab, or add adapters as columns here.",
        )
    run = runs[0]
    item = {"path": run["path"], "strength": 1.0, "text_strength": None, "enabled": True}
    column = {"name": run["name"], "stack": [item], "seconds": run["seconds"]}
    dataset, prompts = run_facts(studio, run["run"])
    known = {name for _, name in base_choices(studio)}
    values: Json = {
        "columns": [BASE_COLUMN, column],
        "prompts": prompts[:4],
        "seeds": [1, 2, 3, 4],
        "name": f"{run['name']} and the base"[:80],
        "reference": held_out(studio, dataset),
    }
    return values | ({"base": run["base"]} if run["base"] in known else {})


def run_facts(studio: Studio, identity: str) -> tuple[str, list[str]]:
    """The dataset of a run, and the prompts that its samples were generated with."""
    try:
        view = studio.runs.view(identity)
    except StudioError:
        return "", []
    prompts = list(view.config.sample.prompts) if view.config else []
    for row in only(view.events, Sampled):
        prompts = prompts or list(row.prompts)
    return view.config.data.folder if view.config else "", list(dict.fromkeys(prompts))
