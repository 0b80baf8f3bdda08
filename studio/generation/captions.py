"""Captions of a dataset by a captioner of any kind, begun or continued.

Owns: who may name a model or an endpoint, the turn on the device, and the record that undoes it all.
Refuses to know: what the kinds are, how captions lie on disk.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from studio.caption.captioner import row_of, settings_of, title_of
from studio.caption.history import Job, Record
from studio.caption.run import CaptionOptions, CaptionReport, Only, caption_folder
from studio.caption.source import Means, is_hub_id
from studio.core.callbacks import Cancelled, OnProgress
from studio.core.errors import InputError
from studio.core.names import text_of
from studio.core.paths import Workspace
from studio.runtime.runtime import Runtime
from studio.settings.caption import CaptionerSettings
from studio.settings.workspace import workspace_settings

WHAT = "described"
SAFE = "Captions written so far are kept."


@dataclass(frozen=True)
class Ways:
    """What a captioning gets from whoever asked for it; nothing of it is written down."""

    key: str = field(default="", repr=False)
    on_progress: OnProgress | None = None
    cancelled: Cancelled = bool


def describe(
    runtime: Runtime, folder: str | Path, captioner: CaptionerSettings | str, options: CaptionOptions,
    ways: Ways,
) -> CaptionReport:  # fmt: skip
    """Captions for the images that `options` ask for. The errors are those of `caption_folder`, and
    InputError for what may not be named over a link."""
    settings = allowed(settings_of(captioner), runtime.library.workspace)
    root = runtime.library.dataset_path(text_of(folder))
    files = None if options.files is None else tuple(options.files)
    job = Job(title_of(settings), settings.model_dump(), options.only, options.prefix, files)
    record = runtime.library.captions.history().begin(root, WHAT, job)
    return _run(runtime, root, settings, options, record, ways)


def go_on(runtime: Runtime, folder: str | Path, ways: Ways) -> CaptionReport:
    """Continues the newest captioning of a dataset, when it was stopped or broke off. MissingError."""
    root = runtime.library.dataset_path(text_of(folder))
    settings = allowed(runtime.library.captions.unfinished(folder), runtime.library.workspace)
    record = runtime.library.captions.history().unfinished(root)
    assert record is not None and record.job is not None
    job = record.job
    only: Only = cast(Literal["missing", "replace", "append"], job.only)
    files = job.files
    if files is not None:  # of those that were chosen then, some may be gone
        there = {str(row["file"]) for row in runtime.library.captions.read(folder)}
        files = tuple(name for name in files if name in there)
    return _run(runtime, root, settings, CaptionOptions(only, job.prefix, files), record, ways)


def allowed(settings: CaptionerSettings, workspace: Workspace) -> CaptionerSettings:
    """The same with the folder of its model resolved. Over a link, raises InputError for a folder
    outside of those that may be named, and for an endpoint other than the workspace's own."""
    kind = row_of(settings)
    if "address" in kind.options:
        own = workspace_settings(workspace).caption_endpoint
        if workspace.access.remote and settings.address.strip() != own:
            raise InputError(
                "Over a link, images are not sent to an address that somebody types",
                where=settings.address[:200],
                why="Whoever is let in could reach machines that only this one can.",
                remedy="Whoever started the studio can name one: caption_endpoint in the workspace's "
                "settings.toml.",
            )
    elif settings.model and not is_hub_id(settings.model):
        return settings.model_copy(update={"model": str(workspace.named(settings.model))})
    return settings


def _run(
    runtime: Runtime, root: Path, settings: CaptionerSettings, options: CaptionOptions,
    record: Record, ways: Ways,
) -> CaptionReport:  # fmt: skip
    turn = contextlib.nullcontext()
    with runtime.turn("captioning", "captions", SAFE) if row_of(settings).device else turn:
        report = caption_folder(
            root,
            settings,
            options,
            means=Means(key=ways.key, cancelled=ways.cancelled),
            on_progress=ways.on_progress,
            cancelled=ways.cancelled,
            record=record,
        )
    report.by = record.job.by if record.job is not None else ""
    return report
