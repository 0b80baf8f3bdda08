"""Training options have the effect their help promises (LoRA on a tiny SD 1.x stands for all)."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch

from studio.train.loop import Trainer
from tests.matrix.conftest import OPTIONS
from tests.near import OF_A_STEP, ROUNDING
from tests.train.conftest import Make, weights


def layers(trainer: Trainer) -> dict[str, Any]:
    return cast(Any, trainer.trainable).layers["unet"]


def test_checkpointing_recomputes_and_changes_nothing(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, checked = make(), make("train.gradient_checkpointing=true")
    calls: list[int] = []
    block: Any = cast(Any, checked.base.denoiser).up_blocks[-1].resnets[-1]
    forward = block.forward

    def counted(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        return forward(*arguments, **more)

    monkeypatch.setattr(block, "forward", counted)
    losses = [plain.one_step(1).loss]
    once = len(calls)
    losses.append(checked.one_step(1).loss)
    assert len(calls) == once + 2 == 3, "blocks ran again in the backward pass"
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    # AdamW's first step is the rate, whatever the gradient: what rounding changes is a share of it.
    rate = plain.optimizer.param_groups[0]["lr"]
    torch.testing.assert_close(
        weights(checked), weights(plain), atol=OF_A_STEP * rate, rtol=ROUNDING
    )
    assert not any(
        getattr(m, "gradient_checkpointing", False) for m in checked.base.denoiser.modules()
    )


def test_eight_bit_optimizer_learns_and_keeps_small_moments(make: Make) -> None:
    run = make("train.optimizer=adamw-8bit", "train.steps=6", "options.rank=16")
    before = run.validation.measure()[0]
    run.run()
    assert run.validation.measure()[0] < before
    moments = [t for s in run.optimizer.state.values() for t in s.values()]
    kinds = {t.dtype for t in moments if isinstance(t, torch.Tensor)}
    assert torch.uint8 in kinds, "large tensors keep their moments in eight bits"


def test_weight_decay_shrinks_and_clipping_limits(make: Make) -> None:
    loose, tight = make("train.clip_gradient_norm=0"), make("train.clip_gradient_norm=1e-6")
    assert loose.one_step(1).norm == pytest.approx(tight.one_step(1).norm, rel=1e-4)
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
        "train.warmup_steps=4", "train.schedule=constant",
    )  # fmt: skip
    rates = [run.one_step(step).lr for step in range(1, 6)]
    assert rates == pytest.approx([0.0025, 0.005, 0.0075, 0.01, 0.01])
    assert [group["lr"] for group in run.optimizer.param_groups] == pytest.approx([1e-2, 1e-5])


LOSSES = (
    "seed=2", "loss.type=huber", "loss.type=smooth-l1", "loss.min_snr_gamma=0",
    "loss.min_snr_gamma=1", "loss.weighting=debiased", "loss.noise_offset=0.5",
    "loss.pyramid_noise=0.5", "loss.input_perturbation=0.1", "loss.zero_terminal_snr=true",
    "loss.timestep_from=0.7", "loss.timestep_to=0.3", "loss.timestep_bias=2",
    "loss.timestep_distribution=logit-normal", "data.crop=random",
    "data.mask=alpha data.mask_rest=0.5", "data.template=['[name]']",
)  # fmt: skip


def test_every_option_of_the_loss_changes_it_and_repeats(make: Make) -> None:
    def losses(changes: str) -> tuple[float, ...]:
        run = make("train.batch_size=4", *changes.split(" "))
        return tuple(float(run.batch_loss(number, number + 1)) for number in range(2))

    plain = losses("seed=1")
    assert plain == losses("seed=1")
    same = [changes for changes in LOSSES if losses(changes) == plain]
    # opaque images: their mask shows all of them
    assert same == ["data.mask=alpha data.mask_rest=0.5"]
    assert losses("loss.pyramid_noise=0.5") == losses("loss.pyramid_noise=0.5")


def test_input_perturbation_leaves_the_target_alone(make: Make) -> None:
    run = make("loss.input_perturbation=0.1", "train.batch_size=2")
    seen: dict[str, torch.Tensor] = {}
    process = run.objective.process
    add, target = process.add_noise, process.target
    process.add_noise = lambda *a: seen.setdefault("noisy", a[1]) * 0 + add(*a)  # type: ignore
    process.target = lambda *a: seen.setdefault("target", a[1]) * 0 + target(*a)  # type: ignore
    run.batch_loss(0, 1)
    extra = seen["noisy"] - seen["target"]
    assert float(extra.std()) == pytest.approx(0.1, rel=0.1)


def test_the_validation_loss_measures_the_same_whatever_the_run_minimises(make: Make) -> None:
    plain = make().validation.measure()
    assert make("loss.type=huber", "loss.weighting=debiased").validation.measure() == plain
    assert make("data.template=['[name] [name]']").validation.measure() != plain, (
        "captions do count"
    )


def test_intervals_in_epochs_and_minutes(make: Make) -> None:
    run = make(  # 5 images of two shapes, batch 2: 3 batches; an epoch is 1.5 steps of two
        "train.steps=6", "train.gradient_accumulation=2", "sample.every=1 epoch",
        "save.every=2 minutes", "validation.every=never",
    )  # fmt: skip
    done: dict[str, list[int]] = {"sample": [], "save": [], "validate": []}
    run.hooks.sample = done["sample"].append
    run.hooks.save = lambda progress: done["save"].append(progress.step)
    run.hooks.validate = lambda step, *_: done["validate"].append(step)
    run.hooks.step = lambda facts: setattr(run.progress, "seconds", 50.0 * facts.step)
    assert run.plan.batches_per_epoch == 3
    assert run.run() is True
    assert done == {"sample": [0, 2, 3, 5, 6], "save": [3, 5, 6], "validate": []}


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
