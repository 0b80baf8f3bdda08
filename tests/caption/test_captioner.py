"""Models that describe images: every kind answers, twice the same, and says what is missing."""

from __future__ import annotations

import json
import shutil
import sys
import types
from pathlib import Path

import pytest
import torch
from PIL import Image

from studio.caption import kinds
from studio.caption.captioner import load_captioner
from studio.caption.image_to_text import ImageToText
from studio.caption.kinds import Kind
from studio.caption.source import Means
from studio.core.errors import FileError, MissingError, SettingsError, UnavailableError
from studio.settings.caption import CaptionerSettings
from tests.caption.tiny_models import noise


@pytest.fixture
def images() -> list[Image.Image]:
    """Images of several sizes and modes."""
    return [
        noise(64, 64),
        Image.new("L", (30, 90), 200),
        Image.new("RGBA", (20, 20), (0, 0, 255, 128)),
        Image.new("P", (33, 17)),
    ]


def test_every_kind_describes_a_batch_and_repeats_itself(model_folder, images):
    captioner = load_captioner(model_folder, Means("cpu"))
    texts = captioner.caption(images)
    assert len(texts) == len(images)
    assert all(isinstance(text, str) and text for text in texts)
    assert captioner.caption(images) == texts
    assert captioner.caption([]) == []


def test_an_image_gets_its_own_caption_whatever_else_is_in_the_batch(blip_folder, images):
    captioner = load_captioner(blip_folder, Means("cpu"))
    together = captioner.caption(images)
    assert len(set(together)) > 1
    assert [captioner.caption([image])[0] for image in images] == together


def test_what_is_transparent_is_described_as_white(blip_folder):
    captioner = load_captioner(blip_folder, Means("cpu"))
    hidden = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    white, red = Image.new("RGB", (32, 32), "white"), Image.new("RGB", (32, 32), "red")
    assert captioner.caption([hidden]) == captioner.caption([white]) != captioner.caption([red])


class Wide:
    """A captioner that is no model of transformers."""

    @classmethod
    def load(cls, settings: CaptionerSettings, means: Means) -> Wide:
        return cls()

    def caption(self, images, questions=()):
        return [f"{image.width} wide" for image in images]


def test_a_new_kind_is_one_row_and_one_class(blip_folder, images, monkeypatch):
    row = Kind("wide", "Width", "How wide it is.", f"{__name__}:Wide")
    monkeypatch.setattr(kinds, "KINDS", (row, *kinds.KINDS))
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__, types.ModuleType("x")))
    monkeypatch.setattr(sys.modules[__name__], "Wide", Wide, raising=False)
    captioner = load_captioner(CaptionerSettings(kind="wide"))
    assert captioner.caption(images[:2]) == ["64 wide", "30 wide"]
    assert isinstance(load_captioner(blip_folder, Means("cpu")), ImageToText)
    with pytest.raises(SettingsError, match="Did you mean tagger"):
        load_captioner(CaptionerSettings(kind="tager"))


def test_a_model_that_never_stops_is_stopped_at_its_last_position(blip_folder, images, tmp_path):
    endless = shutil.copytree(blip_folder, tmp_path / "endless")
    file = endless / "config.json"
    config = json.loads(file.read_text())
    config["text_config"]["sep_token_id"] = config["text_config"]["eos_token_id"] = 56
    file.write_text(json.dumps(config))
    (endless / "generation_config.json").unlink(missing_ok=True)
    settings = CaptionerSettings(kind="model", model=str(endless), max_tokens=500)
    assert len(load_captioner(settings, Means("cpu")).caption(images[:1])) == 1


def test_a_folder_that_is_no_model_and_a_place_that_is_not_there(tmp_path):
    with pytest.raises(FileError, match=r"config\.json"):
        load_captioner(tmp_path, Means("cpu"))
    with pytest.raises(MissingError, match="hub id"):
        load_captioner(tmp_path / "nowhere", Means("cpu"))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(FileError, match="captioning model"):
        load_captioner(tmp_path, Means("cpu"))


def test_damaged_weights_are_named_as_such(blip_folder, tmp_path):
    broken = shutil.copytree(blip_folder, tmp_path / "broken")
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(FileError) as caught:
        load_captioner(broken, Means("cpu"))
    assert str(broken) in str(caught.value)


def test_a_file_without_the_weights_is_refused_rather_than_filled_with_chance(
    blip_folder, tmp_path
):
    from safetensors.torch import save_file

    empty = shutil.copytree(blip_folder, tmp_path / "empty")
    save_file({"other": torch.zeros(1)}, empty / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(FileError, match="not in the file"):
        load_captioner(empty, Means("cpu"))


def test_pickled_weights_are_not_opened(blip_folder, tmp_path):
    pickled = shutil.copytree(blip_folder, tmp_path / "pickled")
    (pickled / "model.safetensors").unlink()
    (pickled / "pytorch_model.bin").write_bytes(b"cposix\nsystem\n(S'touch owned'\ntR.")
    with pytest.raises(FileError, match="safetensors"):
        load_captioner(pickled, Means("cpu"))
    assert not Path("owned").exists()


@pytest.mark.parametrize(
    ("error", "package"),
    [
        (ImportError("SmolVLM requires the num2words library"), "num2words"),
        (AttributeError("'NoneType' object has no attribute 'from_dict'"), "torchvision"),
    ],
)
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    blip_folder, monkeypatch, error, package
):
    from transformers import AutoProcessor

    def refuse(*args, **kwargs):
        raise error

    monkeypatch.setattr(AutoProcessor, "from_pretrained", refuse)
    with pytest.raises(UnavailableError, match=f"pip install {package}"):
        load_captioner(blip_folder, Means("cpu"))


def test_a_hub_model_is_downloaded_only_when_that_was_asked_for(monkeypatch, tmp_path):
    import huggingface_hub

    asked: list[str] = []

    def offline(name: str, **options):
        asked.append(name)
        raise OSError("no network here")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(MissingError, match="download was not asked for"):
        load_captioner("nobody/not-a-model", Means("cpu"))
    assert not asked
    settings = CaptionerSettings(kind="model", model="nobody/not-a-model@main", download=True)
    with pytest.raises(UnavailableError, match="name that folder"):
        load_captioner(settings, Means("cpu"))
    assert asked == ["nobody/not-a-model"]
    with pytest.raises(MissingError, match="No captioning model is named"):
        load_captioner(CaptionerSettings(kind="model"))


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"model_type": "bert"}, "does not describe images"),
        ({"model_type": "own", "auto_map": {"AutoModel": "x.Y"}}, "code of its own"),
        ({"model_type": "florence2"}, "."),
    ],
)
def test_another_kind_of_model_is_named_as_what_it_is(tmp_path, config, why):
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises((FileError, UnavailableError)) as caught:
        load_captioner(tmp_path, Means("cpu"))
    assert why in str(caught.value.why) and caught.value.remedy
