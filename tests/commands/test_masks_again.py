"""What an image was generated with inside of a mask comes back with it: mask, image, prompt, stack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio import cli
from studio.core.paths import Workspace
from studio.families.loading import load_base
from tests.tiny import make_tiny_sd1, write_tiny_lora


@pytest.fixture
def made(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """`made(…)` → (pixels of the image that `generate …` makes, its path, what was said)."""
    place = Workspace(workspace)
    make_tiny_sd1(place.bases / "tiny")
    write_tiny_lora(place.adapters / "mine.safetensors", load_base(place.bases / "tiny", "cpu"))

    def generate(*arguments: str) -> tuple[np.ndarray, Path, str]:
        common = ["--json", "--workspace", str(workspace), "--set", "device=cpu"]
        code = cli.main(["generate", *arguments, *common])
        out, err = capsys.readouterr()
        assert code == 0, err
        (found,) = json.loads(out)["images"]
        with Image.open(found["path"]) as image:
            return np.asarray(image), Path(found["path"]), err

    return generate


@pytest.fixture
def mask(tmp_path: Path) -> list[str]:
    """Options of a masked pass; the mask is a photo's kind of file and grey in places."""
    image = Image.new("L", (32, 32), 20)
    image.paste(240, (8, 8, 24, 24))
    image.save(tmp_path / "where.webp", lossless=True)
    inside = ["--mask-prompt", "a dog", "--mask-adapter", "mine:0.7"]
    return ["--mask", str(tmp_path / "where.webp"), *inside]


PLAIN = ("a cat", "--base", "tiny", "--count", "1", "--set", "steps=2")


def test_a_mask_and_its_image_come_back_with_the_settings(
    made: Any, mask: list[str], tmp_path: Path, workspace: Path
) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (32, 32, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "start.png")
    first, path, _ = made(*PLAIN, *mask, "--image", str(tmp_path / "start.png"))
    (tmp_path / "start.png").unlink()
    (tmp_path / "where.webp").unlink()
    kept = sorted(file.name.split("-")[0] for file in (path.parent / "inpaint").iterdir())
    assert kept == ["image", "mask"]
    again, other, said = made("--like", str(path), "--count", "1")
    assert np.array_equal(again, first) and "gone" not in said
    assert len(list((other.parent / "inpaint").iterdir())) == 2, "each content is kept once"
    assert "Prompt in" not in said


def test_a_masked_pass_on_new_images_comes_back_with_its_prompt_and_stack(
    made: Any, mask: list[str], tmp_path: Path
) -> None:
    first, path, _ = made(*PLAIN, *mask)
    plain, _, _ = made(*PLAIN)
    assert not np.array_equal(first, plain)
    moved = tmp_path / "elsewhere.png"
    path.rename(moved)
    again, other, _ = made("--like", str(moved), "--count", "1")
    assert np.array_equal(again, first)
    for file in (other.parent / "inpaint").iterdir():
        file.unlink()
    less, _, said = made("--like", str(moved), "--count", "1")
    assert "The mask of this image, or the image it lay on, is gone" in said
    assert np.array_equal(less, plain)
