"""The loop computes what it is asked for; wrappers of the denoiser compose; batches are one way."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from studio.core.errors import MemoryFullError, SettingsError
from studio.core.size import Size
from studio.diffusion.samplers import sampling_plan
from studio.families.base import Base
from studio.infer.batches import Position, sampled
from studio.infer.decoding import image_size
from studio.infer.options import Job, SamplingOptions
from studio.infer.sampling import Guided, Prompted, sample


class Recorded:
    """A denoiser that predicts its input, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, float]] = []

    def __call__(self, inputs: Tensor, timestep: Tensor, step: int) -> Tensor:
        self.asked.append((step, float(timestep)))
        return inputs


def test_nothing_is_computed_before_it_is_asked_for(sd1: Base) -> None:
    denoiser, plan = Recorded(), sampling_plan(sd1, "Heun", 3)
    steps: list[tuple[int, int]] = []
    latents = plan.begin(torch.ones(1, 4, 4, 4))
    loop = sample(denoiser, plan, latents, [], lambda *at: steps.append(at))
    assert denoiser.asked == []
    first = next(loop)
    assert len(denoiser.asked) == 1 and first.index == 0 and steps == [(0, 3)]
    assert not torch.is_inference_mode_enabled(), "whoever iterates may train"
    rest = list(loop)
    assert [step for step, _ in denoiser.asked] == [0, 0, 1, 1, 2]
    assert [t for _, t in denoiser.asked] == plan.timesteps.tolist()
    assert steps == [(0, 3), (1, 3), (2, 3)]
    assert rest[-1].clean().shape == rest[-1].latents.shape == (1, 4, 4, 4)


def test_guidance_wraps_any_denoiser() -> None:
    def halves(inputs: Tensor, timestep: Tensor, step: int) -> Tensor:
        without, with_text = inputs.chunk(2)
        return torch.cat([without * 0 + 1, with_text * 0 + 3])

    def masked(inputs: Tensor, timestep: Tensor, step: int) -> Tensor:
        return Guided(halves, 2.0)(inputs, timestep, step) * (inputs > 0)

    inputs = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
    found = masked(inputs, torch.tensor(5), 0)
    assert found.flatten().tolist() == [1 + 2 * (3 - 1), 0]


def test_the_conditioning_changes_at_its_step(sd1: Base) -> None:
    cat, dog = sd1.encode(["a cat"]), sd1.encode(["a dog"])
    inputs, timestep = torch.randn(1, 4, 16, 16), torch.tensor(500)
    with torch.no_grad():
        plain = {
            name: Prompted(sd1, {0: text}, Size(32, 32))(inputs, timestep, 0)
            for name, text in (("cat", cat), ("dog", dog))
        }
        both = Prompted(sd1, {0: cat, 2: dog}, Size(32, 32))
        found = [both(inputs, timestep, step) for step in range(4)]
    assert [torch.equal(one, plain["cat"]) for one in found] == [True, True, False, False]
    assert torch.equal(found[2], plain["dog"]) and torch.equal(found[3], plain["dog"])


def test_batches_say_where_they_are(sd1: Base) -> None:
    jobs = [Job("a cat", seed) for seed in range(3)]
    seen: list[Position] = []
    options = SamplingOptions(steps=2, sampler="Heun", batch_size=2)
    found = list(sampled(sd1, jobs, options, on_position=seen.append))
    assert [batch.places for batch in found] == [[0, 1], [2]]
    assert [batch.pixels.shape for batch in found] == [(2, 32, 32, 3), (1, 32, 32, 3)]
    assert [(at.batch, at.evaluation, at.images, at.in_batch) for at in seen] == [
        (0, 1, 0, 2), (0, 2, 0, 2), (0, 3, 0, 2), (1, 1, 2, 1), (1, 2, 2, 1), (1, 3, 2, 1),
    ]  # fmt: skip
    assert {(at.evaluations, at.batches) for at in seen} == {(3, 2)}


def test_a_flow_is_sampled_by_the_same_loop(sd1: Base) -> None:
    flow = replace(sd1, prediction_type="flow_prediction", scheduler_config={"shift": 3.0})
    jobs = [Job("a red cat", 1), Job("a dog", 2)]
    options = SamplingOptions(steps=4, preview_every=1)
    previews: list[int] = []
    (batch,) = sampled(
        flow, jobs, options, on_preview=lambda _, images: previews.append(len(images))
    )
    (again,) = sampled(flow, jobs, options)
    assert torch.equal(batch.pixels, again.pixels) and previews == [2] * 4
    (other,) = sampled(sd1, jobs, options)
    assert not torch.equal(batch.pixels, other.pixels)
    with pytest.raises(SettingsError, match="“PLMS” does not work"):
        list(sampled(flow, jobs, SamplingOptions(sampler="PLMS")))


def test_memory_that_runs_out_is_said_in_the_words_of_the_work(
    sd1: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Base, "denoise", full)
    options = SamplingOptions(steps=2, work="samples")
    with pytest.raises(MemoryFullError) as caught:
        list(sampled(sd1, [Job("a cat", 1)], options))
    assert "sample prompts" in (caught.value.remedy or "")


def test_a_size_is_the_bases_own_or_one_that_it_can_make(sd1: Base) -> None:
    assert image_size(sd1, Size(0, 0)) == Size(32, 32)
    assert image_size(sd1, Size(48, 0)) == Size(48, 32)
    with pytest.raises(SettingsError, match="height 33 px"):
        image_size(sd1, Size(32, 33))
