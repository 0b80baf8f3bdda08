"""Aesthetic embeddings: all variants in the wild give one direction of length one."""

from __future__ import annotations

import json

import pytest
import torch

from studio.core.errors import FileError
from studio.formats import aesthetic, pickles, safetensors_file
from studio.formats.inspect import inspect
from studio.settings.training import SteeringSettings
from tests.near import HALF, assert_near

DIRECTION = torch.randn(1, 16)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("length", [0.5, 1.0, 19.0])
@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("flat", [True, False])
def test_variants(tmp_path, zipped, length, half, flat):
    value = DIRECTION / DIRECTION.norm() * length
    value = value.half() if half else value
    value = value[0] if flat else value
    torch.save(value, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    file = aesthetic.read(tmp_path / "x.pt")
    assert file.width == 16 and file.direction.dtype == torch.float32
    assert abs(float(file.direction.norm()) - 1) < 1e-6
    assert abs(file.norm - length) < 0.02
    assert_near(file.direction, (DIRECTION / DIRECTION.norm())[0], HALF)


def test_a_parameter_and_several_images(tmp_path):
    rows = torch.randn(5, 16)
    torch.save(torch.nn.Parameter(rows), tmp_path / "x.pt")
    mean = rows.mean(0)
    assert_near(aesthetic.read(tmp_path / "x.pt").direction, mean / mean.norm())


def test_written_files_are_what_web_uis_load(tmp_path):
    path = aesthetic.write(tmp_path / "x.pt", DIRECTION[0].half())
    theirs = torch.load(path, weights_only=True)
    assert theirs.shape == (1, 16) and theirs.dtype == torch.float32
    assert torch.equal(theirs, DIRECTION.half().float())
    assert pickles.a1111_would_accept(path)


def test_a_safetensors_file_with_one_tensor(tmp_path):
    path = safetensors_file.write(tmp_path / "x.safetensors", {"aesthetic": DIRECTION})
    assert aesthetic.read(path).width == 16


@pytest.mark.parametrize(
    "value",
    [torch.zeros(1, 16), torch.full((1, 16), torch.nan), torch.ones(2, 3, 4), torch.ones(0, 16),
     torch.tensor(1.0), torch.ones(1, 16, dtype=torch.int64), [], {}, {"a": DIRECTION, "b": DIRECTION}],
)  # fmt: skip
def test_what_holds_no_direction_is_refused(tmp_path, value):
    torch.save(value, tmp_path / "x.pt")
    with pytest.raises(FileError, match="not an aesthetic embedding"):
        aesthetic.read(tmp_path / "x.pt")


def test_a_broken_direction_is_never_written(tmp_path):
    with pytest.raises(FileError):
        aesthetic.write(tmp_path / "x.pt", torch.full((16,), torch.inf))
    assert not (tmp_path / "x.pt").exists()


def test_the_twin_keeps_the_row_and_what_it_is_meant_for(tmp_path):
    stated = SteeringSettings(steps=9, rate=3e-4, slerp=True, text="dusk")
    path = aesthetic.write_safetensors(
        tmp_path / "x.safetensors", 5 * DIRECTION[0], stated, {"modelspec.title": "Dusk"}
    )
    file, plain = (
        aesthetic.read(path),
        aesthetic.read(aesthetic.write(tmp_path / "x.pt", DIRECTION)),
    )
    assert SteeringSettings.parse(file.recommended) == stated
    assert file.metadata["modelspec.title"] == "Dusk"
    assert_near(file.direction, plain.direction)
    assert file.norm > 4.9 * plain.norm
    assert plain.recommended == {} and inspect(path).kind == "aesthetic"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not readable JSON"),
        ("[1]", "not readable JSON"),
        ("[" * 100_000, "not readable JSON"),
        (json.dumps({"steps": 10**9}), "steps"),
        (json.dumps({"stepps": 3}), "did you mean “steps”"),
        (json.dumps({"rate": "fast"}), "rate"),
    ],
)
def test_a_twin_with_unusable_settings_is_refused(tmp_path, text, why):
    path = safetensors_file.write(
        tmp_path / "x.safetensors", {"aesthetic": DIRECTION}, {"aesthetic": text}
    )
    with pytest.raises(FileError, match="settings that cannot be used") as caught:
        aesthetic.read(path)
    assert why in str(caught.value)
