"""A real calibration on the tiny base: everything is measured, and the base is as it was."""

from __future__ import annotations

import pytest
import torch
from torch.overrides import TorchFunctionMode

from studio.families.base import Base
from studio.library import presets
from studio.settings.training import RunConfig
from studio.train import calibration
from studio.train.attention import attention
from studio.train.auto import Asked, decide
from studio.train.measured_pass import in_precision


def config(steps: int, *changes: str) -> RunConfig:
    values = {"train": {"steps": steps}, "data": {"trigger": "zibbo", "resolution": 32}}
    return presets.make_config({"method": "lora", **values}, list(changes))


@pytest.mark.parametrize("method", ["lora", "dreambooth", "textual-inversion"])
def test_ways_are_measured_on_the_network_which_stays_as_it_was(
    tiny: Base, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [(one, one.data_ptr(), one.clone()) for one in tiny.denoiser.parameters()]
    own = dict(tiny.denoiser.attn_processors)
    monkeypatch.setattr(calibration, "MOST", 0.2)
    dice = torch.random.get_rng_state()
    asked = Asked(batch=2, resolution=32)
    found = calibration.calibrate(tiny, config(100_000, f"method={method}"), asked, "here")
    named = [timing.way.named for timing in found.timings]
    assert named[:3] == ["fp32, sdpa", "bf16, sdpa", "bf16, sdpa-fp32"]
    assert len(named) == 4 and named[3].endswith("channels last")
    assert all(timing.seconds and timing.weights and timing.kept for timing in found.timings)
    fp32, bf16 = found.timings[:2]
    assert bf16.kept < fp32.kept and bf16.weights < fp32.weights
    assert (found.key, found.method, found.threads) == ("here", method, torch.get_num_threads())
    assert decide(found, asked) is not None and found.added > 0
    assert torch.equal(dice, torch.random.get_rng_state())
    assert own == dict(tiny.denoiser.attn_processors)
    for (one, place, value), now in zip(before, tiny.denoiser.parameters(), strict=True):
        assert one is now and now.data_ptr() == place and torch.equal(now, value)
        assert not now.requires_grad and now.grad is None and now.is_contiguous()


def test_a_run_that_is_soon_over_is_not_measured_for(
    tiny: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "SHORT", 1e6)  # on a machine however busy
    with pytest.raises(calibration.ShortRun) as short:
        calibration.calibrate(tiny, config(20), Asked(resolution=32))
    assert short.value.seconds < calibration.SHORT


def test_what_is_fixed_and_what_is_risky_is_not_tried(tiny: Base) -> None:
    assert {way.precision for way in calibration.ways(tiny, config(9, "precision=fp32"))} == {
        "fp32"
    }
    assert "fp16" not in {way.precision for way in calibration.ways(tiny, config(9))}


class Seen(TorchFunctionMode):
    """Notes in which precision attention is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.dtypes: set[torch.dtype] = set()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.nn.functional.scaled_dot_product_attention:
            self.dtypes.add(args[0].dtype)
        return func(*args, **(kwargs or {}))


def test_attention_in_fp32_inside_a_bf16_network(tiny: Base) -> None:
    half = in_precision(tiny, torch.bfloat16)
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    text = half.encode(["a cat"]).to(half.device, half.dtype)
    own = dict(half.denoiser.attn_processors)
    made = {}
    for kernels, dtype in (("sdpa", torch.bfloat16), ("sdpa-fp32", torch.float32)):
        with Seen() as seen, torch.no_grad(), attention(half.denoiser, kernels):
            made[kernels] = half.denoise(latents, torch.tensor([500]), text, (32, 32))
        assert seen.dtypes == {dtype}
        assert made[kernels].dtype == torch.bfloat16
    torch.testing.assert_close(made["sdpa"], made["sdpa-fp32"], atol=0.05, rtol=0.05)
    assert own == dict(half.denoiser.attn_processors)
