"""Captions a folder of pictures with a model, in batches, without losing anything.

Owns: which pictures are captioned, progress, cancelling, and the report at the end.
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
    """Pictures that had a caption and kept it."""
    broken: dict[str, str] = field(default_factory=dict)
    """File → why it could not be captioned."""
    marked: dict[str, dict[str, str]] = field(default_factory=dict)
    """File → what the model said (`text`) and why it was not written (`why`): it needs a look."""
    replaced: int = 0
    """How many of the written captions stand where another one stood."""
    cancelled: bool = False


def caption_folder(
    folder: str | Path,
    *,
    captioner: str | Path | Describes = "starter",
    overwrite: bool = False,
    prefix: str = "",
    files: Collection[str] | None = None,
    batch_size: int = 8,
    device: str = "auto",
    on_progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    record: Record | None = None,
) -> CaptionReport:
    """Writes a caption beside every picture (or `files`), or only where one is missing or blank.

    `record` keeps what stood there before (see `caption.history`). What reads like no caption at
    all (`caption.doubt`) is not written: the earlier caption stays and the picture is marked.

    `captioner` is a loaded one, or what `load_captioner` takes. `on_progress(done, total, file)`
    is called after each picture. Cancelling takes effect before the next batch and keeps what was
    written. A picture that cannot be read is reported and passed over. Raises DatasetError when the folder or one of `files` cannot be used, the
    errors of `load_captioner`, and StorageError when the disk refuses; captions written until
    then are on disk.
    """
    folder = Path(folder)
    report = CaptionReport(printable(folder))
    captions = _chosen(folder, files)
    wanted = [path for path, text in captions.items() if overwrite or not (text or "").strip()]
    chosen = set(wanted)
    report.kept = [_name(path, folder) for path in captions if path not in chosen]
    if wanted and isinstance(captioner, str | Path):
        from studio.caption.captioner import load_captioner

        captioner = load_captioner(captioner, device)
    batch_size = max(1, batch_size)
    done = 0
    for start in range(0, len(wanted), batch_size):
        if cancelled is not None and cancelled():
            report.cancelled = True
            break
        batch = wanted[start : start + batch_size]
        assert not isinstance(captioner, str | Path)
        described = _described(captioner, batch, folder, report)
        sure = [(path, text) for path, text in described
                if not _marked(path, text, captions[path], folder, report, record)]  # fmt: skip
        changes = [Change(path, captions[path], add_prefix(text, prefix)) for path, text in sure]
        _write(changes, overwrite, folder, report, record)
        for path in batch:
            done += 1
            if on_progress is not None:
                on_progress(done, len(wanted), path.name)
    return report


def _chosen(folder: Path, files: Collection[str] | None) -> dict[Path, str | None]:
    captions = read_captions(folder)
    if files is None:
        return captions
    names = {_name(path, folder): path for path in captions}
    if unknown := [name for name in files if name not in names]:
        raise DatasetError(
            "There is no such picture in this dataset",
            where=unknown[0],
            remedy="Open the folder again; the picture may have been renamed or removed.",
        )
    return {path: captions[path] for name, path in names.items() if name in set(files)}


def _described(
    captioner: Describes, batch: list[Path], folder: Path, report: CaptionReport
) -> list[tuple[Path, str]]:
    """The pictures of a batch that can be read and for which the model found words."""
    from studio.formats.images import open_image  # Pillow, only when pictures are opened

    images: list[Image] = []
    readable: list[Path] = []
    for path in batch:
        try:
            images.append(open_image(path))
            readable.append(path)
        except StudioError as error:
            report.broken[_name(path, folder)] = error.what
    texts = captioner.caption(images) if images else []
    found = list(zip(readable, texts, strict=True))
    for path, text in found:
        if not text.strip():
            report.broken[_name(path, folder)] = "The model found no words for it"
    return [(path, text) for path, text in found if text.strip()]


def _marked(
    path: Path, text: str, before: str | None, folder: Path, report: CaptionReport,
    record: Record | None,
) -> bool:  # fmt: skip
    """Whether a text was set aside because it reads like no caption."""
    why = doubt(text)
    if why is None:
        return False
    report.marked[_name(path, folder)] = {"text": text[:500], "why": why}
    if record is not None:
        record.look(path, why, text, before)
    return True


def _write(
    changes: list[Change], overwrite: bool, folder: Path, report: CaptionReport,
    record: Record | None,
) -> None:  # fmt: skip
    """Writes captions, except where a person typed one while the model was thinking."""
    current: list[Change] = []
    looked = Looked()
    for change in changes:
        name = _name(change.picture, folder)
        try:
            now = read_caption(change.picture, looked)
        except StudioError as error:
            report.broken[name] = error.what
            continue
        if now != change.before and (now or "").strip():
            report.kept.append(name)
        else:
            current.append(dataclasses.replace(change, before=now))
    done = record.write(current) if record is not None else write_changes(current)
    for change in current:
        name = _name(change.picture, folder)
        if change.picture in done.changed:
            report.written[name] = change.after
            report.replaced += bool((change.before or "").strip())
        else:
            report.broken[name] = "The caption could not be written"


def _name(path: Path, folder: Path) -> str:
    return printable(path.relative_to(folder).as_posix())
