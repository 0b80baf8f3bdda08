"""What is measured before a run is started: a button waits while it is, then the preflight shows it.

Owns: the two buttons' titles, and what each adds to the preflight. Refuses to know: how it is measured
(`studio.runs`), how it looks (`static/scripts/train/preflight.js`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.runs.fit import find_fit
from studio.settings.training import RunConfig
from studio.ui.live import Json, parts_of

if TYPE_CHECKING:
    from studio.app import Studio

MEASURE, FIT = "Measure first", "Find what fits"
Look = Callable[["Studio", RunConfig, Json], None]


def look_first(
    title: str, studio: Studio, config: RunConfig, look: Look
) -> Iterator[tuple[Any, Any]]:
    """(the button `title`, the preflight) twice: while it is measured, and with what `look` has added."""
    yield gr.Button("Measuring…", interactive=False), gr.skip()
    result = studio.runs.preflight(config).as_dict()
    try:
        if result["ok"]:
            look(studio, config, result)
    except Exception as error:  # the button must come back whatever happens
        parts = parts_of(error)
        result["errors"] = [" ".join(filter(None, (parts["what"] + ".", parts.get("remedy"))))]
    yield gr.Button(title, interactive=True), result


def estimated(studio: Studio, config: RunConfig, result: Json) -> None:
    """Seconds, bytes, and what Auto chose; its words take the place of those without a measurement."""
    estimate = result["estimate"] = asdict(studio.runs.estimate(config))
    others = [text for text in result["notes"] if not text.startswith("Auto:")]
    result["notes"] = [*others, *filter(None, [estimate["auto"]])]


def fitting(studio: Studio, config: RunConfig, result: Json) -> None:
    """The ways to need less memory that were measured."""
    result["fit"] = find_fit(config, studio.runtime, lambda _: None).model_dump()
