"""Each fault that is planted in a sample set is named, and the sample sets as they are have none."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from studio.app import Studio
from studio.checkup.records import Report
from studio.core.paths import ASSETS
from tests.checkup.conftest import SETS
from tests.formats import profiles

Check = Callable[..., Report]


def found(report: Report) -> dict[str, list[str]]:
    """Name of a check → the images it is about."""
    name = report.evidence.name
    return {f.check.name: [name(file) for file in f.files()] for f in report.findings}


def image(folder: Path, number: int) -> Image.Image:
    return Image.open(folder / f"{number:04}.png").convert("RGB")


def sums(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", SETS)
def test_a_sample_set_has_nothing_that_one_would_be_warned_of(name: str, checked: Check) -> None:
    folder = ASSETS / "datasets" / name
    before = sums(folder)
    report = checked(folder, clip=True)
    assert found(report) == {}
    assert len(report.evidence.fits) == 12
    assert report.as_dict()["verdict"] == "Yes: nothing was found."
    assert sums(folder) == before, "nothing is changed"


def plant_jpeg(folder: Path) -> None:
    image(folder, 1).save(folder / "copy.jpg", quality=80)


def plant_larger(folder: Path) -> None:
    image(folder, 1).resize((128, 128), Image.Resampling.LANCZOS).save(folder / "copy.png")


def plant_mirrored(folder: Path) -> None:
    image(folder, 1).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "copy.webp")


@pytest.mark.parametrize("plant", [plant_jpeg, plant_larger, plant_mirrored])
def test_the_same_image_twice(plant: Callable[[Path], None], zibbo: Path, checked: Check) -> None:
    plant(zibbo)
    (zibbo / "copy.txt").write_text("a zibbo cat on the beach")
    report = checked(zibbo)
    name = next(file.name for file in zibbo.glob("copy.*") if file.suffix != ".txt")
    assert found(report)["duplicate"] == ["0001.png", name]
    (hit,) = report.findings[0].hits
    assert hit.why.endswith(" (mirrored)") == (plant is plant_mirrored)


def test_a_held_out_image_that_is_trained_on(zibbo: Path, checked: Check) -> None:
    shutil.copy(zibbo / "0003.png", zibbo / "held_out" / "other.png")
    assert found(checked(zibbo)) == {"leak": ["held_out/other.png", "0003.png"]}


@pytest.mark.parametrize("radius", [2, 3])
@pytest.mark.parametrize("name", SETS)
def test_a_blurred_image(name: str, radius: float, checked: Check, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ASSETS / "datasets" / name, tmp_path / name))
    image(folder, 5).filter(ImageFilter.GaussianBlur(radius)).save(folder / "0005.png")
    assert found(checked(folder)) == {"blurred": ["0005.png"]}


def test_a_slightly_blurred_image_is_softer_than_the_rest(zibbo: Path, checked: Check) -> None:
    image(zibbo, 5).filter(ImageFilter.GaussianBlur(1)).save(zibbo / "0005.png")
    report = checked(zibbo)
    assert found(report) == {"soft": ["0005.png"]}
    assert report.verdict() == "Yes: 1 note."


def plant_tiny(folder: Path) -> None:
    image(folder, 2).resize((30, 30)).save(folder / "0002.png")


def plant_narrow(folder: Path) -> None:
    wide = Image.new("RGB", (256, 64))
    for place in range(4):
        wide.paste(image(folder, place + 1), (64 * place, 0))
    wide.save(folder / "0002.png")


def plant_truncated(folder: Path) -> None:
    data = (folder / "0002.png").read_bytes()
    (folder / "0002.png").write_bytes(data[: len(data) // 2])


def plant_text(folder: Path) -> None:
    (folder / "0002.png").write_text("404: not found")


def plant_turned(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = image(folder, 2).transpose(Image.Transpose.ROTATE_90)
    turned.save(folder / "0002.jpg", exif=exif, quality=95)
    (folder / "0002.png").unlink()


def plant_cmyk(folder: Path) -> None:
    image(folder, 2).convert("CMYK").save(folder / "0002.tif")
    (folder / "0002.png").unlink()


def plant_deep(folder: Path) -> None:
    grey = image(folder, 2).convert("L").convert("I").point(lambda value: value * 257)
    grey.convert("I;16").save(folder / "0002.png")


def plant_profile(folder: Path) -> None:
    image(folder, 2).save(folder / "0002.png", icc_profile=profiles.rgb(profiles.ADOBE_RGB, 2.2))


def plant_transparent(folder: Path) -> None:
    image(folder, 2).convert("RGBA").save(folder / "0002.png")


def plant_animated(folder: Path) -> None:
    frames = [image(folder, number) for number in (3, 4)]
    image(folder, 2).save(folder / "0002.webp", save_all=True, append_images=frames, lossless=True)
    (folder / "0002.png").unlink()


def plant_clear(folder: Path) -> None:
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(folder / "0002.png")


def plant_blank(folder: Path) -> None:
    Image.new("RGB", (64, 64), "navy").save(folder / "0002.png")


FILES = {
    "tiny": (plant_tiny, "0002.png", "enlarged 2.1 times"),
    "narrow": (plant_narrow, "0002.png", "leaves out 50%"),
    "unreadable": (plant_truncated, "0002.png", "cut off"),
    "unreadable, a text": (plant_text, "0002.png", "text file"),
    "turned": (plant_turned, "0002.jpg", ""),
    "colour": (plant_cmyk, "0002.tif", "CMYK"),
    "colour, 16 bits": (plant_deep, "0002.png", "16 bits"),
    "colour, a profile": (plant_profile, "0002.png", "colour profile"),
    "transparent": (plant_transparent, "0002.png", ""),
    "animated": (plant_animated, "0002.webp", ""),
    "blank, transparent": (plant_clear, "0002.png", "single colour"),
    "blank": (plant_blank, "0002.png", "single colour"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_a_fault_of_a_file(case: str, zibbo: Path, checked: Check) -> None:
    plant, name, why = FILES[case]
    plant(zibbo)
    before = sums(zibbo)
    report = checked(zibbo)
    more = {"transparent": [name]} if case == "blank, transparent" else {}
    assert found(report) == {case.partition(",")[0]: [name], **more}
    assert why in report.findings[0].hits[0].why
    assert sums(zibbo) == before, "nothing is changed"


LONG = "a zibbo cat " + "in a meadow of very many red, blue, yellow and violet flowers " * 8
CAPTIONS = {
    "missing": (None, ""),
    "empty": ("\n", ""),
    "trigger": ("a small cat in the forest", "no “zibbo”"),
    "odd": ("a small zibbo dog in the forest", "no “cat”"),
    "length, tokens": (LONG, "99 words"),
}


@pytest.mark.parametrize("case", CAPTIONS)
def test_a_fault_of_a_caption(case: str, zibbo: Path, checked: Check) -> None:
    text, why = CAPTIONS[case]
    (zibbo / "0002.txt").unlink() if text is None else (zibbo / "0002.txt").write_text(text)
    report = checked(zibbo)
    assert found(report) == {name: ["0002.png"] for name in case.split(", ")}
    assert why in report.findings[0].hits[0].why


def test_a_word_that_all_captions_but_one_have(tmp_path: Path, checked: Check) -> None:
    folder = Path(shutil.copytree(ASSETS / "datasets" / "popdot", tmp_path / "popdot"))
    for file in folder.glob("*.txt"):
        file.write_text(f"a painting of {file.read_text()}")
    (folder / "0007.txt").write_text("a photo of a blue boat, popdot style")
    report = checked(folder)
    assert found(report) == {"odd": ["0007.png"]}
    assert "no “painting”" in report.findings[0].hits[0].why


def test_the_words_of_a_folder_are_no_captions(zibbo: Path, checked: Check) -> None:
    folder = zibbo / "10_zibbo cat"
    folder.mkdir()
    for number in (1, 2, 3):
        (zibbo / f"{number:04}.png").rename(folder / f"{number:04}.png")
    assert found(checked(zibbo))["missing"] == [
        f"10_zibbo cat/000{number}.png" for number in (1, 2, 3)
    ]


def test_a_dataset_that_states_no_trigger_word(zibbo: Path, checked: Check) -> None:
    (zibbo / "dataset.toml").unlink()
    report = checked(zibbo)
    assert found(report) == {"unnamed": []}
    assert report.verdict() == "Yes: 1 note."


@pytest.mark.parametrize("swapped", [(1, 8), (4, 12)])
def test_captions_that_were_swapped_fit_least(
    swapped: tuple[int, int], zibbo: Path, checked: Check
) -> None:
    files = [zibbo / f"{number:04}.txt" for number in swapped]
    texts = [file.read_text() for file in files]
    for file, text in zip(files, reversed(texts), strict=True):
        file.write_text(text)
    report = checked(zibbo, clip=True)
    lowest = [fit.file.stem for fit in report.evidence.fits[:2]]
    assert sorted(lowest) == [file.stem for file in files]
    assert sorted(found(report)["mismatch"]) == [f"{stem}.png" for stem in sorted(lowest)]


def test_a_base_without_clip_says_so_and_everything_else_is_found(
    zibbo: Path, checked: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.clip import folder
    from studio.core.errors import UnavailableError

    def none(*_: object, **__: object) -> None:
        raise UnavailableError("There is no CLIP beside this base")

    monkeypatch.setattr(folder, "find_clip", none)
    (zibbo / "0002.txt").unlink()
    report = checked(zibbo, clip=True)
    assert found(report) == {"missing": ["0002.png"]}
    assert report.skipped == {"Captions against images": "There is no CLIP beside this base."}


def test_a_run_is_warned_of_what_is_wrong_with_its_images(zibbo: Path, studio: Studio) -> None:
    """The preflight says it in one line, and what it says of captions is found by the same function."""
    from studio.settings.training import RunConfig

    config = RunConfig.parse(
        {
            "method": "lora",
            "base": "starter",
            "data": {"folder": str(zibbo)},
            "prior": {"weight": 0},
        }
    )
    before = studio.runs.preflight(config)
    plant_jpeg(zibbo)
    image(zibbo, 5).filter(ImageFilter.GaussianBlur(2)).save(zibbo / "0005.png")
    after = studio.runs.preflight(config)
    new = [text for text in after.warnings if text not in before.warnings]
    assert len(new) == 3
    assert "1 of 13 images has no caption" in new[0] and "absent from 1 of 13" in new[1]
    assert "nearly the same image (2), blurred (1)" in new[2]
    assert after.as_dict()["verdict"].endswith(f"{len(after.warnings)} warnings.")
