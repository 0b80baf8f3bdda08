"""Settings in images of other programs, through the files themselves, `inspect` and `generate --like`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio import cli
from studio.app import Studio
from studio.core.errors import FileError
from studio.formats.images import read_parameters
from studio.infer import infotext
from studio.library.image_settings import image_settings, usable_settings, with_kept
from tests.tiny import write_tiny_lora

NOVEL = {
    "Software": "NovelAI", "Source": "Stable Diffusion 1D44365E",
    "Comment": json.dumps({"prompt": "{a cat}", "uc": "ugly", "seed": 5, "steps": 3, "sampler": "ddim"}),
}  # fmt: skip
SWARM = {
    "sui_image_params": {
        "prompt": "a cat", "negativeprompt": "ugly", "seed": 2**33 + 5, "steps": 2, "cfgscale": 3,
        "width": 32, "height": 32, "sampler": "euler", "scheduler": "normal", "model": "tiny",
        "loras": ["My Korvu", "gone"], "loraweights": ["0.4", "1"],
    }
}  # fmt: skip


def png(path: Path, **chunks: Any) -> Path:
    info = PngInfo()
    for key, value in chunks.items():
        info.add_text(key, value if isinstance(value, str) else json.dumps(value))
    Image.new("RGB", (32, 32)).save(path, pnginfo=info)
    return path


@pytest.mark.parametrize("suffix", [".webp", ".jpg"])
def test_a_comment_in_exif_is_no_prompt(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + json.dumps(NOVEL).encode("utf-16-be")
    Image.new("RGB", (8, 8)).save(tmp_path / f"x{suffix}", exif=exif.tobytes())
    found = image_settings(tmp_path / f"x{suffix}")
    assert found is not None and found.program == "NovelAI"
    assert (found.settings["prompt"], found.settings["seed"]) == ("(a cat:1.05)", 5)


def test_inspect_shows_the_program_and_the_settings(
    studio: Studio, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = png(tmp_path / "x.png", parameters=SWARM)
    place = ["--workspace", str(studio.workspace.root)]
    assert cli.main(["inspect", str(path), "--json", *place]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["kind"], facts["program"]) == ("image", "SwarmUI")
    assert (facts["settings"]["prompt"], facts["settings"]["seed"]) == ("a cat", 5)
    assert str(2**33 + 5) in facts["notes"][0]
    assert cli.main(["inspect", str(path), *place]) == 0
    shown = capsys.readouterr().out
    assert "program     SwarmUI" in shown and "setting     prompt = a cat" in shown
    assert "note        The seed" in shown
    assert cli.main(["inspect", str(png(tmp_path / "plain.png")), *place]) == 2


def test_an_image_of_a_program_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = png(tmp_path / "x.png", workflow={"nodes": [{"id": 1, "type": "Odd"}], "links": []})
    with pytest.raises(FileError) as caught:
        usable_settings(path, "x.png")
    assert "ComfyUI" in (caught.value.why or "") and "No sampler" in (caught.value.why or "")


def test_generate_like_an_image_of_another_program(
    studio: Studio, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from studio.families.loading import load_base

    base = load_base(studio.workspace.bases / "tiny", "cpu")
    write_tiny_lora(studio.workspace.adapters / "My Korvu.safetensors", base, ("to_q",))
    path = png(tmp_path / "x.png", parameters=SWARM)
    studio.close()
    command = [
        "generate",
        "--like",
        str(path),
        "--count",
        "1",
        "--set",
        "device=cpu",
        "--seed",
        "9",
    ]
    assert cli.main([*command, "--json", "--workspace", str(studio.workspace.root)]) == 0
    said = capsys.readouterr()
    (made,) = json.loads(said.out)["images"]
    assert "Settings of SwarmUI" in said.err and "“gone” is not in your library" in said.err
    found = infotext.read(read_parameters(made["path"]) or "")
    assert (found["prompt"], found["negative_prompt"], found["seed"]) == ("a cat", "ugly", 9)
    assert (found["steps"], found["guidance"], found["sampler"]) == (2, 3.0, "Euler")
    assert [(one["path"], one["strength"]) for one in found["stack"]] == [
        ("My Korvu.safetensors", 0.4)
    ]


def test_our_own_images_come_back_with_the_tags_that_others_read(
    studio: Studio, tmp_path: Path
) -> None:
    from studio.families.loading import load_base
    from tests.generation.test_batches import settings

    base = load_base(studio.workspace.bases / "tiny", "cpu")
    write_tiny_lora(studio.workspace.adapters / "My Korvu.safetensors", base, ("to_q",))
    for kind in ("png", "jpeg", "webp"):
        made = studio.generation.generate(settings("a cat <lora:my korvu:0.5>", file_format=kind))
        text = read_parameters(made.images[0].path) or ""
        assert text.splitlines()[0] == "a cat <lora:My Korvu:0.5>"
        found = image_settings(made.images[0].path)
        assert found is not None and found.program == infotext.VERSION and found.notes == []
        assert found.settings["prompt"] == "a cat"
        assert [one["strength"] for one in found.settings["stack"]] == [0.5]


def test_a_mask_that_is_not_here_is_said(tmp_path: Path) -> None:
    kept = {"mask": "mask-" + "0" * 24 + ".png", "blur": 4}
    for inpaint, said in (
        (kept, "is gone"), ({"blur": 4}, "was not kept"), ({"mask": "/etc/hosts"}, ""), ({}, ""),
    ):  # fmt: skip
        found, told = with_kept({"inpaint": inpaint, "image": "../x.png"}, tmp_path)
        assert "image" not in found and "mask" not in found.get("inpaint", {})
        assert said in told and bool(said) == bool(told)
