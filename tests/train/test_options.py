"""Training options have the effect their help promises (LoRA on a tiny SD 1.x stands for all)."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch

from studio.train.loop import Trainer
from tests.matrix.conftest import OPTIONS
from tests.train.conftest import Make, weights


def layers(trainer: Trainer) -> dict[str, Any]:
    return cast(Any, trainer.trainable).layers["unet"]


def test_checkpointing_recomputes_and_changes_nothing(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, checked = make(), make("train.gradient_checkpointing=true")
    calls: list[int] = []
    block: Any = cast(Any, checked.base.unet).up_blocks[-1].resnets[-1]
    forward = block.forward

    def counted(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        return forward(*arguments, **more)

    monkeypatch.setattr(block, "forward", counted)
    losses = [plain.one_step(1)["loss"]]
    once = len(calls)
    losses.append(checked.one_step(1)["loss"])
    assert len(calls) == once + 2 == 3, "blocks ran again in the backward pass"
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    torch.testing.assert_close(weights(plain), weights(checked), atol=1e-4, rtol=1e-3)
    assert not any(getattr(m, "gradient_checkpointing", False) for m in checked.base.unet.modules())


def test_eight_bit_optimizer_learns_and_keeps_small_moments(make: Make) -> None:
    run = make("train.optimizer=adamw-8bit", "train.steps=6", "options.rank=16")
    before = run.probe.measure()[0]
    run.run()
    assert run.probe.measure()[0] < before
    moments = [t for s in run.optimizer.state.values() for t in s.values()]
    kinds = {t.dtype for t in moments if isinstance(t, torch.Tensor)}
    assert torch.uint8 in kinds, "large tensors keep their moments in eight bits"


def test_weight_decay_shrinks_and_clipping_limits(make: Make) -> None:
    loose, tight = make("train.max_gradient_norm=0"), make("train.max_gradient_norm=1e-6")
    assert loose.one_step(1)["norm"] == pytest.approx(tight.one_step(1)["norm"], rel=1e-4)
    gradient = tight.optimizer.state[tight.parameters[0]]["exp_avg"]
    assert gradient.norm() <= 1e-6
    heavy = make("train.weight_decay=1", "train.learning_rate=0.1")
    light = make("train.weight_decay=0", "train.learning_rate=0.1")
    start = weights(heavy).norm()
    heavy.one_step(1), light.one_step(1)
    assert weights(heavy).norm() < weights(light).norm() and start > 0


def test_text_rate_and_warm_up(make: Make) -> None:
    run = make(
        "options.text_encoder=true", "train.text_learning_rate=1e-5", "train.learning_rate=1e-2",
        "train.warmup=4", "train.schedule=constant",
    )  # fmt: skip
    rates = [run.one_step(step)["lr"] for step in range(1, 6)]
    assert rates == pytest.approx([0.0025, 0.005, 0.0075, 0.01, 0.01])
    assert [group["lr"] for group in run.optimizer.param_groups] == pytest.approx([1e-2, 1e-5])


def test_seed_noise_offset_and_min_snr_change_the_loss(make: Make) -> None:
    def losses(*changes: str) -> tuple[float, ...]:
        run = make(*changes)
        return tuple(run.one_step(step)["loss"] for step in range(1, 7))

    changes = ("seed=2", "loss.noise_offset=0.5", "loss.min_snr_gamma=0")
    assert losses() == losses()
    assert len({losses(), *map(losses, changes)}) == 4


def test_alpha_scales_the_update(make: Make) -> None:
    small, large = make("options.alpha=1"), make("options.alpha=4")
    wrapper = next(iter(layers(small).values()))[1]
    assert wrapper.scaling["default"] == 1 / OPTIONS["lora"]["rank"]
    wrapper = next(iter(layers(large).values()))[1]
    assert wrapper.scaling["default"] == 1


def test_targets_choose_layers(make: Make) -> None:
    attention, more = make("options.target=attention"), make()
    assert set(layers(attention)) < set(layers(more))
    assert all(".attn" in name for name in layers(attention))
