"""Captions a folder of images with a captioner, in batches, without losing anything.

Owns: which images are captioned, what becomes of an answer, progress, cancelling, and the report at
the end. Refuses to know: how a captioner is loaded or asked, the page. Imports no torch until a model is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from studio.caption.batches import Batches
from studio.caption.captioner import row_of, settings_of
from studio.caption.doubt import doubt
from studio.caption.history import Change, Record, write_changes
from studio.caption.source import Describes, Means
from studio.caption.words import Words
from studio.core.errors import DatasetError, Interrupted, StudioError
from studio.core.names import printable
from studio.formats.captions import Looked, read_caption
from studio.formats.dataset import read_captions
from studio.settings.caption import CaptionerSettings

Progress = Callable[[int, int, str], None]
Only = Literal["missing", "replace", "append"]


@dataclass
class CaptionReport:
    """What a captioning run did. File names are relative to the folder."""

    folder: str
    written: dict[str, str] = field(default_factory=dict)
    """File → the caption it got."""
    kept: list[str] = field(default_factory=list)
    """Images that had a caption and kept it."""
    broken: dict[str, str] = field(default_factory=dict)
    """File → why it could not be captioned."""
    marked: dict[str, dict[str, str]] = field(default_factory=dict)
    """File → what the model said (`text`) and why it was not written (`why`): it needs a look."""
    would: dict[str, dict[str, str]] = field(default_factory=dict)
    """File → its caption `before` and `after`, in a preview: nothing was written."""
    replaced: int = 0
    """How many of the written captions stand where another one stood."""
    cancelled: bool = False
    by: str = ""
    """Who described."""


@dataclass(frozen=True)
class CaptionOptions:
    """Which images of a folder are captioned, and how."""

    only: Only = "missing"
    """Where it is missing or blank; or everywhere, in place of what is there or behind it."""
    prefix: str = ""
    """Stands at the beginning of every caption, once."""
    files: Collection[str] | None = None
    """Names relative to the folder; None means all images."""
    preview: int = 0
    """Only so many images, and nothing is written; 0 writes."""
    batch_size: int = 8


def caption_folder(
    folder: str | Path,
    captioner: CaptionerSettings | str | Path | Describes = "starter",
    options: CaptionOptions | None = None,
    *,
    means: Means | None = None,
    on_progress: Progress | None = None,
    cancelled: Callable[[], bool] = bool,
    record: Record | None = None,
) -> CaptionReport:
    """Writes a caption beside every image that `options` ask for.

    `record` keeps what stood there before (see `caption.history`); one that is continued leaves the
    images alone that it has been at. What reads like no caption at all (`caption.doubt`) is not
    written: the earlier caption stays and the image is marked.

    `captioner` is a loaded one, or what `load_captioner` takes. `on_progress(done, total, file)`
    is called after each image. Cancelling takes effect before the next batch and keeps what was
    written. An image that cannot be read is reported and passed over. Raises DatasetError when the
    folder or one of the chosen files cannot be used, the errors of `load_captioner`, and StorageError
    when the disk refuses; captions written until then are on disk.
    """
    options = options or CaptionOptions()
    named = isinstance(captioner, CaptionerSettings | str | Path)
    settings = settings_of(captioner) if named else CaptionerSettings()  # type: ignore[arg-type]
    work = _Captioning(Path(folder), options, settings, None if options.preview else record)
    if not work.wanted:
        return work.finished()
    if named:
        from studio.caption.captioner import load_captioner

        captioner = load_captioner(settings, means)
    batches = Batches(captioner, min(options.batch_size, row_of(settings).at_once))  # type: ignore[arg-type]
    at = 0
    while at < len(work.wanted):
        if cancelled():
            work.report.cancelled = True
            return work.report
        batch = work.wanted[at : at + batches.size]
        try:
            work.caption(batches, batch)
        except Interrupted:
            work.report.cancelled = True
            return work.report
        for path in batch:
            at += 1
            if on_progress is not None:
                on_progress(at, len(work.wanted), path.name)
    return work.finished()


class _Captioning:
    """One folder while it is captioned: what stands there, what is wanted, what was done."""

    def __init__(
        self, folder: Path, options: CaptionOptions, settings: CaptionerSettings,
        record: Record | None,
    ) -> None:  # fmt: skip
        self.folder, self.options, self.record = folder, options, record
        self.words = Words(settings, options.prefix, folder, append=options.only == "append")
        self.doubted = not row_of(settings).whole
        self.report = CaptionReport(printable(folder))
        self.captions = _chosen(folder, options.files)
        done = record.done if record is not None else frozenset()
        self.wanted = [
            path
            for path, text in self.captions.items()
            if (options.only != "missing" or not (text or "").strip())
            and path.resolve() not in done
        ]
        chosen = set(self.wanted)
        self.report.kept = [
            _name(path, folder)
            for path in self.captions
            if path not in chosen and path.resolve() not in done
        ]
        if options.preview:
            self.wanted = _spread(self.wanted, options.preview)

    def finished(self) -> CaptionReport:
        """The report, once nothing is left to do."""
        if self.record is not None:
            self.record.finish()
        return self.report

    def caption(self, batches: Batches, batch: list[Path]) -> None:
        """Asks for the captions of a batch and writes those that read like captions."""
        texts = batches.describe(
            {path: self.words.question(path, self.captions[path]) for path in batch}
        )
        for path, why in texts.failed.items():
            self.report.broken[_name(path, self.folder)] = why
        sure = [pair for pair in texts.found.items() if not self._marked(*pair)]
        changes = [
            Change(path, self.captions[path], self.words.caption(path, text, self.captions[path]))
            for path, text in sure
        ]
        if self.options.preview:
            for change in changes:
                name = _name(change.image, self.folder)
                self.report.would[name] = {"before": change.before or "", "after": change.after}
        else:
            self._write(changes)

    def _marked(self, path: Path, text: str) -> bool:
        """Whether a text was set aside because it reads like no caption."""
        why = doubt(text) if self.doubted else None
        if why is None:
            return False
        self.report.marked[_name(path, self.folder)] = {"text": text[:500], "why": why}
        if self.record is not None:
            self.record.mark_for_review(path, why, text, self.captions[path])
        return True

    def _write(self, changes: list[Change]) -> None:
        """Writes captions, except where a person typed one while the model was thinking."""
        report = self.report
        current: list[Change] = []
        looked = Looked()
        for change in changes:
            name = _name(change.image, self.folder)
            try:
                now = read_caption(change.image, looked)
            except StudioError as error:
                report.broken[name] = error.what
                continue
            if now != change.before and (now or "").strip():
                report.kept.append(name)
            else:
                current.append(dataclasses.replace(change, before=now))
        done = self.record.write(current) if self.record is not None else write_changes(current)
        for change in current:
            name = _name(change.image, self.folder)
            if change.image in done.changed:
                report.written[name] = change.after
                report.replaced += bool((change.before or "").strip())
            else:
                report.broken[name] = "The caption could not be written"


def _chosen(folder: Path, files: Collection[str] | None) -> dict[Path, str | None]:
    captions = read_captions(folder)
    if files is None:
        return captions
    names = {_name(path, folder): path for path in captions}
    if unknown := [name for name in files if name not in names]:
        raise DatasetError(
            "There is no such image in this dataset",
            where=unknown[0],
            remedy="Open the folder again; the image may have been renamed or removed.",
        )
    return {path: captions[path] for name, path in names.items() if name in set(files)}


def _spread(paths: list[Path], count: int) -> list[Path]:
    """At most `count` of them from beginning to end, so that a preview sees more than the first."""
    if len(paths) <= count:
        return paths
    last = max(1, count - 1)
    return [paths[round(place * (len(paths) - 1) / last)] for place in range(count)]


def _name(path: Path, folder: Path) -> str:
    return printable(path.relative_to(folder).as_posix())
