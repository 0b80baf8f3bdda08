"""An image that was brought to start from is kept plainly, once, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from studio.app import Studio
from studio.core.errors import FileError
from studio.core.paths import Workspace
from studio.formats.image_write import save_jpeg
from studio.formats.images import read_parameters
from studio.ui.components.start_image import facts, kept, taken
from studio.ui.live import Page


def test_kept_as_a_plain_image_or_refused(workspace: Path, tmp_path: Path) -> None:
    studio = Studio(Workspace(workspace))
    upload = save_jpeg(tmp_path / "holiday.jpg", Image.new("RGB", (40, 20), "red"), "a secret")
    first = taken(studio, upload)
    assert first.parent == kept(studio) and first.suffix == ".png" and "holiday" not in first.name
    assert read_parameters(first) is None
    assert taken(studio, upload) == first and len(list(kept(studio).iterdir())) == 1
    shown = facts(Page(studio), first, "holiday.jpg")
    assert Path(shown["thumb"]).is_relative_to(studio.workspace.cache / "thumbnails")
    letter = tmp_path / "letter.png"
    letter.write_text("Dear studio")
    with pytest.raises(FileError):
        taken(studio, letter)
    assert len(list(kept(studio).iterdir())) == 1
