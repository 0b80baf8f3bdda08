"""Attention kernels: chosen by trying, put in for the step alone, refused in plain words."""

from __future__ import annotations

import pytest
import torch

from studio.core import device as machine
from studio.core.errors import UnavailableError
from studio.families.base import Base
from studio.train.attention import attention, usable_attention
from tests.train.conftest import Make, weights

CPU = torch.device("cpu")


def probes(works: bool) -> dict[str, machine.Probe]:
    return {
        name: machine.Probe(name, name == "sdpa" or works, "1.0", None if works else "no kernels")
        for name in ("sdpa", "xformers")
    }


def test_what_does_not_run_is_refused_and_auto_goes_without(
    monkeypatch: pytest.MonkeyPatch,
    make: Make,
) -> None:
    monkeypatch.setattr(machine, "attention_backends", lambda device: probes(False))
    assert usable_attention("auto", CPU) == usable_attention("sdpa", CPU) == "sdpa"
    with pytest.raises(UnavailableError, match=r"xformers do not run here.*no kernels"):
        make("train.attention=xformers")
    monkeypatch.setattr(machine, "attention_backends", lambda device: probes(True))
    assert usable_attention("auto", CPU) == usable_attention("xformers", CPU) == "xformers"


def test_kernels_are_used_for_the_step_and_taken_out_again(
    monkeypatch: pytest.MonkeyPatch,
    make: Make,
    tiny: Base,
) -> None:
    from diffusers.models import attention_processor

    calls: list[int] = []

    class Counted(attention_processor.AttnProcessor2_0):
        """Stands for xformers, whose kernels need a GPU."""

        def __call__(self, *arguments, **more):
            calls.append(1)
            return super().__call__(*arguments, **more)

    own = {name: id(one) for name, one in tiny.denoiser.attn_processors.items()}
    plain, other = make(), make()
    losses = [plain.one_step(1).loss]
    assert not calls
    monkeypatch.setattr(attention_processor, "XFormersAttnProcessor", Counted)
    other.attention = "xformers"
    losses.append(other.one_step(1).loss)
    assert len(calls) == len(own) > 0, "every attention of the UNet"
    assert losses[0] == losses[1] and torch.equal(weights(plain), weights(other))
    assert own == {name: id(one) for name, one in tiny.denoiser.attn_processors.items()}
    with pytest.raises(RuntimeError), attention(tiny.denoiser, "xformers"):
        raise RuntimeError
    assert own == {name: id(one) for name, one in tiny.denoiser.attn_processors.items()}
