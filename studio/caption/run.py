"""Captions a folder of pictures with a model, in batches, without losing anything.

Owns: which pictures are captioned, progress, cancelling, and the report at the end.
Refuses to know: how a model is loaded or asked, the page. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from studio.caption.bulk import add_prefix
from studio.errors import StudioError
from studio.formats.dataset import read_caption, read_captions, write_caption

if TYPE_CHECKING:
    from PIL.Image import Image

Progress = Callable[[int, int, str], None]


class Describes(Protocol):
    """What is asked of a captioner (`caption.captioner.Captioner` is one)."""

    def caption(self, images: Sequence[Image]) -> list[str]:
        """One caption per picture, in order."""
        ...


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
    cancelled: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For JSON output."""
        return asdict(self)


def caption_folder(
    captioner: Describes,
    folder: str | Path,
    *,
    overwrite: bool = False,
    prefix: str = "",
    batch_size: int = 8,
    on_progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> CaptionReport:
    """Writes a caption beside every picture, or only where one is missing or blank.

    `on_progress(done, total, file)` is called after each picture. Cancelling takes effect before
    the next batch and keeps what was written. A picture that cannot be read is reported and
    passed over. Raises DatasetError when the folder cannot be used, StorageError when the disk
    refuses; captions written until then are on disk.
    """
    from studio.formats.images import open_image  # Pillow, only when pictures are opened

    folder = Path(folder)
    report = CaptionReport(str(folder))
    captions = read_captions(folder)
    todo = [path for path, text in captions.items() if overwrite or not (text or "").strip()]
    waiting = set(todo)
    report.kept = [_name(path, folder) for path in captions if path not in waiting]
    done = 0
    for start in range(0, len(todo), max(1, batch_size)):
        if cancelled is not None and cancelled():
            report.cancelled = True
            break
        batch, images = todo[start : start + max(1, batch_size)], []
        readable: list[Path] = []
        for path in batch:
            try:
                images.append(open_image(path))
                readable.append(path)
            except StudioError as error:
                report.broken[_name(path, folder)] = error.what
        texts = captioner.caption(images) if images else []
        for path, text in zip(readable, texts, strict=True):
            if not text.strip():
                report.broken[_name(path, folder)] = "The model found no words for it"
                continue
            _write(path, add_prefix(text, prefix), overwrite, folder, report)
        for path in batch:
            done += 1
            if on_progress is not None:
                on_progress(done, len(todo), path.name)
    return report


def _write(path: Path, text: str, overwrite: bool, folder: Path, report: CaptionReport) -> None:
    name = _name(path, folder)
    try:
        if not overwrite and (read_caption(path) or "").strip():
            report.kept.append(name)  # typed by a person while the model was thinking
            return
        write_caption(path, text)
    except StudioError as error:
        if error.exit_code != 2:  # the disk, not the picture
            raise
        report.broken[name] = error.what
        return
    report.written[name] = text


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
