"""The images in `outputs/`: searched by what is written in them, marked, deleted and brought back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from studio.core.errors import InputError, MissingError
from studio.core.paths import Workspace
from studio.formats.image_write import save_png
from studio.infer import infotext
from studio.library import outputs as module
from studio.library.outputs import Outputs
from studio.settings.training import GenerateSettings, StackItem


@pytest.fixture
def outputs(workspace: Path) -> Outputs:
    return Outputs(Workspace(workspace))


def image(outputs: Outputs, name: str, prompt: str, model: str = "tiny", *files: str) -> Path:
    """A generated image, newer than those before it."""
    used = [
        infotext.Used(StackItem(path=file), "lora", Path(file).stem, "0" * 12) for file in files
    ]
    facts = infotext.Facts(model=model, model_hash="", size=(8, 8), used=used)
    path = outputs.workspace.outputs / name
    path.parent.mkdir(exist_ok=True)
    save_png(path, Image.new("RGB", (8, 8)), infotext.write(GenerateSettings(prompt=prompt), facts))
    number = len(list(outputs.workspace.outputs.rglob("*.png")))
    os.utime(path, (1_000_000 + number, 1_000_000 + number))
    return path


def test_a_search_finds_prompt_model_and_adapters(outputs: Outputs) -> None:
    cat = image(outputs, "2026-01-01/1.png", "a red Cat")
    dog = image(outputs, "2026-01-02/2.png", "a red dog", "other", "adapters/korvu.safetensors")
    (outputs.workspace.outputs / "2026-01-02" / "broken.png").write_bytes(b"no image")
    assert outputs.search("").images[-2:] == [dog, cat]
    assert outputs.search("RED").images == [dog, cat]
    assert outputs.search("red cat").images == [cat]
    assert outputs.search("other").images == outputs.search("korvu dog").images == [dog]
    assert outputs.search("nothing").images == []
    again = Outputs(outputs.workspace)
    assert again.search("korvu").images == [dog] and again.search("korvu").unread == 0
    image(outputs, "2026-01-01/1.png", "a fox")
    assert outputs.search("fox").images == [cat] and outputs.search("cat").images == []


def test_a_search_reads_in_portions_and_says_how_many_are_left(
    outputs: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PORTION", 2)
    for number in range(5):
        image(outputs, f"2026-01-01/{number}.png", "a cat")
    answers = [outputs.search("cat") for _ in range(3)]
    assert [(len(found.images), found.unread) for found in answers] == [(2, 3), (4, 1), (5, 0)]


def test_marks_are_kept_and_only_images_can_be_marked(outputs: Outputs) -> None:
    for name in ("1", "2"):
        image(outputs, f"2026-01-01/{name}.png", "a cat")
        outputs.mark(f"2026-01-01/{name}.png", True)
    assert Outputs(outputs.workspace).favourites() == ["2026-01-01/2.png", "2026-01-01/1.png"]
    outputs.mark("2026-01-01/2.png", False)
    assert outputs.favourites() == ["2026-01-01/1.png"]
    for name in ("2026-01-01/9.png", "../favourite-images.json", "/etc/passwd", "2026-01-01"):
        with pytest.raises((InputError, MissingError)):
            outputs.mark(name, True)


def test_a_deleted_image_comes_back_where_it_was(outputs: Outputs) -> None:
    path = image(outputs, "2026-01-01/1.png", "a cat")
    before = path.read_bytes()
    thrown = outputs.remove("2026-01-01/1.png")
    assert not path.exists() and outputs.search("").images == []
    assert [one.name for one in Outputs(outputs.workspace).removed()] == [thrown]
    path.parent.rmdir()
    assert outputs.restore(thrown) == "2026-01-01/1.png" and path.read_bytes() == before
    assert outputs.removed() == []
    with pytest.raises(MissingError):
        outputs.restore(thrown)
    # two of one name in the trash, and one that is there again
    for _ in range(2):
        image(outputs, "2026-01-01/1.png", "a cat")
        outputs.remove("2026-01-01/1.png")
    image(outputs, "2026-01-01/1.png", "a dog")
    names = [outputs.restore(one.name) for one in outputs.removed()]
    assert len(set(names)) == 2 and len(outputs.search("").images) == 3


def test_a_record_in_the_trash_leads_nowhere_else(outputs: Outputs) -> None:
    image(outputs, "2026-01-01/1.png", "a cat")
    thrown = outputs.remove("2026-01-01/1.png")
    record = outputs.workspace.trash / "images.json"
    record.write_text(f'{{"{thrown}": "../../elsewhere/1.png", "../x.png": "1.png"}}')
    for name in (thrown, "../x.png"):
        with pytest.raises((InputError, MissingError)):
            outputs.restore(name)
    assert (outputs.workspace.trash / thrown).is_file()
