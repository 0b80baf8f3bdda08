"""LoRA files whose names stand behind a level of their own: a wrapper's name before the network's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from studio.core.errors import FileError
from studio.formats import safetensors_file
from studio.formats.inspect import inspect
from studio.formats.lora import read as read_lora
from studio.formats.lora_dialects import level

LAYER = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
DOWN, UP = torch.arange(32.0).reshape(4, 8), torch.ones(8, 4)


def written(path: Path, *beginnings: str) -> Path:
    tensors: dict[str, torch.Tensor] = {}
    for number, beginning in enumerate(beginnings):
        name = f"{beginning}{LAYER.replace('0', str(number), 1)}"
        tensors |= {f"{name}.lora_A.weight": DOWN, f"{name}.lora_B.weight": UP}
    safetensors_file.write(path, tensors)
    return path


@pytest.mark.parametrize("before", ["net.", "my_wrapper.unet.", "pipe.module.unet."])
def test_a_level_that_nobody_knows_is_no_other_model(tmp_path: Path, before: str) -> None:
    plain = read_lora(written(tmp_path / "plain.safetensors", "unet.", "unet."))
    wrapped = written(tmp_path / "wrapped.safetensors", before, before)
    report = inspect(wrapped)
    assert (report.kind, report.problems) == ("lora", [])
    found = read_lora(wrapped)
    assert found.modules.keys() == plain.modules.keys()


def test_the_reason_for_a_mixed_file_names_what_stands_before(tmp_path: Path) -> None:
    mixed = written(tmp_path / "mixed.safetensors", "net.", "other.")
    with pytest.raises(FileError) as caught:
        read_lora(mixed)
    text = str(caught.value)
    assert "“net.” stands before it" in text and "another kind of model" not in text
    (problem,) = inspect(mixed).problems
    assert "“net.” stands before it" in problem


def test_layers_of_another_model_are_still_of_another_model(tmp_path: Path) -> None:
    name = "transformer.single_transformer_blocks.0.attn.to_q"
    assert level(f"{name}.lora_A.weight") == ""
    tensors = {f"{name}.lora_A.weight": DOWN, f"{name}.lora_B.weight": UP}
    safetensors_file.write(tmp_path / "flux.safetensors", tensors)
    with pytest.raises(FileError, match="adapter for another kind of model"):
        read_lora(tmp_path / "flux.safetensors")
