"""Captions a folder of images with a model, in batches, without losing anything.

Owns: which images are captioned, progress, cancelling, and the report at the end.
Refuses to know: how a model is loaded or asked, the page. Imports no torch until a model is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from studio.caption.bulk import add_prefix
from studio.caption.doubt import doubt
from studio.caption.history import Change, Record, write_changes
from studio.caption.source import Describes
from studio.core.errors import DatasetError, StudioError
from studio.core.names import printable
from studio.formats.captions import Looked, read_caption
from studio.formats.dataset import read_captions

if TYPE_CHECKING:
    from PIL.Image import Image

Progress = Callable[[int, int, str], None]


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
    replaced: int = 0
    """How many of the written captions stand where another one stood."""
    cancelled: bool = False


@dataclass(frozen=True)
class CaptionOptions:
    """Which images of a folder are captioned, and how."""

    overwrite: bool = False
    """Also where there is a caption already; else only where it is missing or blank."""
    prefix: str = ""
    """Stands at the beginning of every caption, once."""
    files: Collection[str] | None = None
    """Names relative to the folder; None means all images."""
    batch_size: int = 8
    device: str = "auto"
    """Where a captioner that is not loaded yet is loaded to."""


def caption_folder(
    folder: str | Path,
    captioner: str | Path | Describes = "starter",
    options: CaptionOptions | None = None,
    *,
    on_progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    record: Record | None = None,
) -> CaptionReport:
    """Writes a caption beside every image that `options` ask for.

    `record` keeps what stood there before (see `caption.history`). What reads like no caption at
    all (`caption.doubt`) is not written: the earlier caption stays and the image is marked.

    `captioner` is a loaded one, or what `load_captioner` takes. `on_progress(done, total, file)`
    is called after each image. Cancelling takes effect before the next batch and keeps what was
    written. An image that cannot be read is reported and passed over. Raises DatasetError when the
    folder or one of the chosen files cannot be used, the errors of `load_captioner`, and StorageError
    when the disk refuses; captions written until then are on disk.
    """
    options = options or CaptionOptions()
    work = _Captioning(Path(folder), options, record)
    if work.wanted and isinstance(captioner, str | Path):
        from studio.caption.captioner import load_captioner

        captioner = load_captioner(captioner, options.device)
    size = max(1, options.batch_size)
    for start in range(0, len(work.wanted), size):
        if cancelled is not None and cancelled():
            work.report.cancelled = True
            break
        batch = work.wanted[start : start + size]
        assert not isinstance(captioner, str | Path)
        work.caption(captioner, batch)
        for done, path in enumerate(batch, start + 1):
            if on_progress is not None:
                on_progress(done, len(work.wanted), path.name)
    return work.report


class _Captioning:
    """One folder while it is captioned: what stands there, what is wanted, what was done."""

    def __init__(self, folder: Path, options: CaptionOptions, record: Record | None) -> None:
        self.folder, self.options, self.record = folder, options, record
        self.report = CaptionReport(printable(folder))
        self.captions = _chosen(folder, options.files)
        self.wanted = [
            path
            for path, text in self.captions.items()
            if options.overwrite or not (text or "").strip()
        ]
        chosen = set(self.wanted)
        self.report.kept = [_name(path, folder) for path in self.captions if path not in chosen]

    def caption(self, captioner: Describes, batch: list[Path]) -> None:
        """Asks the model for the captions of a batch and writes those that read like captions."""
        sure = [pair for pair in self._described(captioner, batch) if not self._marked(*pair)]
        self._write(
            [
                Change(path, self.captions[path], add_prefix(text, self.options.prefix))
                for path, text in sure
            ]
        )

    def _described(self, captioner: Describes, batch: list[Path]) -> list[tuple[Path, str]]:
        """The images of a batch that can be read and for which the model found words."""
        from studio.formats.images import open_image  # Pillow, only when images are opened

        images: list[Image] = []
        readable: list[Path] = []
        for path in batch:
            try:
                images.append(open_image(path))
                readable.append(path)
            except StudioError as error:
                self.report.broken[_name(path, self.folder)] = error.what
        texts = captioner.caption(images) if images else []
        found = list(zip(readable, texts, strict=True))
        for path, text in found:
            if not text.strip():
                self.report.broken[_name(path, self.folder)] = "The model found no words for it"
        return [(path, text) for path, text in found if text.strip()]

    def _marked(self, path: Path, text: str) -> bool:
        """Whether a text was set aside because it reads like no caption."""
        why = doubt(text)
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


def _name(path: Path, folder: Path) -> str:
    return printable(path.relative_to(folder).as_posix())
