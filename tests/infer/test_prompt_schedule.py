"""What an image is told: weights per token, changes over the steps, and nothing without brackets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from studio.adapters.aesthetic import PromptSteering
from studio.families.base import Base
from studio.families.conditioning import Conditioning
from studio.families.weighted import Span, Weighted
from studio.infer import engine
from studio.infer.options import Job
from studio.infer.prompt import weighted
from studio.infer.prompt_schedule import prompt_schedules, together
from studio.settings.training import GenerateSettings, SteeringSettings
from tests.near import assert_near


@pytest.fixture(params=["sd1", "sd2", "sdxl"])
def base(request: pytest.FixtureRequest) -> Iterator[Base]:
    found: Base = request.getfixturevalue(request.param)
    found.words.clear()
    norms = [norm for encoder in found.text_encoders for norm in last_norms(encoder)]
    with torch.no_grad():  # as a trained encoder's: the mean of what comes out is not zero
        for norm in norms:
            norm.bias += 0.25
    yield found
    with torch.no_grad():
        for norm in norms:
            norm.bias.zero_()
    found.words.clear()
    found.steering.clear()


def last_norms(encoder: nn.Module) -> list[nn.Module]:
    """The norms after the last layers: a family reads behind one of them."""
    return [m for name, m in encoder.named_modules() if name.endswith("final_layer_norm")]


def one_schedule(base: Base, prompt: str, steps: int = 4, negative: str = "", **more: bool):
    return prompt_schedules(base, negative, [prompt], steps=steps, **more)[prompt]


def same(first: Conditioning, second: Conditioning) -> bool:
    pooled = first.pooled is None or (
        second.pooled is not None and torch.equal(first.pooled, second.pooled)
    )
    return torch.equal(first.embeds, second.embeds) and pooled


def reference(base: Base, plain: Conditioning, weights: list[float]) -> Tensor:
    """A1111's formula for one chunk, per encoder, written out."""
    found, start = [], 0
    for encoder in base.text_encoders:
        width = int(encoder.config.hidden_size)
        z = plain.embeds[0, :, start : start + width]
        factors = torch.ones(len(z), 1)
        factors[1 : 1 + len(weights), 0] = torch.tensor(weights)
        scaled = z * factors
        found.append(scaled * (z.mean() / scaled.mean()))
        start += width
    return torch.cat(found, dim=-1)[None]


@pytest.mark.parametrize("prompt", ["a red cat, of a house", "", "a " * 90, r"a cat \(red\)"])
def test_without_brackets_nothing_changes(base: Base, prompt: str) -> None:
    schedule = one_schedule(base, prompt, negative="dog")
    unconditional, conditioning = base.encode_pair(
        "dog", prompt.replace("\\(", "(").replace("\\)", ")")
    )
    assert schedule.order == (0, 0, 0, 0)
    assert same(schedule.pairs[0][0], unconditional) and same(schedule.pairs[0][1], conditioning)


def test_without_syntax_brackets_are_text(base: Base) -> None:
    prompt = "a (red:1.5) [cat|dog] BREAK"
    schedule = one_schedule(base, prompt, syntax=False)
    assert same(schedule.pairs[0][1], base.encode_pair("", prompt)[1])


def test_weights_scale_tokens_and_the_mean_stays(base: Base) -> None:
    plain = base.encode(["a red cat"])
    found = base.encode([weighted("a (red:1.5) [cat]")])
    assert_near(found.embeds, reference(base, plain, [1.0, 1.5, 1 / 1.1]))
    assert not torch.equal(found.embeds, plain.embeds)
    if plain.pooled is not None:
        assert found.pooled is not None and torch.equal(found.pooled, plain.pooled)


def test_a_weighted_chunk_leaves_the_other_as_it_is(base: Base) -> None:
    found = base.encode([weighted("a " * 75 + "(red:1.4) dog")]).embeds
    plain = base.encode(["a " * 75 + "red dog"])
    assert torch.equal(found[:, :77], plain.embeds[:, :77])
    second = Conditioning(plain.embeds[:, 77:])
    assert_near(found[:, 77:], reference(base, second, [1.4, 1.0]))


def test_a_mean_that_is_only_rounding_is_not_kept(sd1: Base) -> None:
    """Behind a norm without bias the mean is zero but for rounding: a quotient of two of these
    depends on the processor, and can be infinite."""
    plain = sd1.encode(["a red cat"]).embeds
    assert plain.mean().abs() < 1e-5 * plain.abs().mean()
    found = sd1.encode([weighted("a (red:1.5) cat")]).embeds
    assert_near(found[0, 2], 1.5 * plain[0, 2])
    assert_near(found[0, 3:], plain[0, 3:])


def test_break_begins_a_chunk(base: Base) -> None:
    found = base.encode([weighted("red cat BREAK (blue:1.2) dog")])
    first, second = base.encode(["red cat"]), base.encode([weighted("(blue:1.2) dog")])
    assert_near(found.embeds, torch.cat([first.embeds, second.embeds], dim=1))
    if found.pooled is not None and first.pooled is not None:
        assert_near(found.pooled, first.pooled)


def test_a_word_keeps_its_vectors_together_and_gets_one_weight(base: Base) -> None:
    generator = torch.Generator().manual_seed(1)
    base.words["zorp"] = [
        torch.randn(3, int(encoder.config.hidden_size), generator=generator)
        for encoder in base.text_encoders
    ]
    plain = base.encode(["a zorp cat"])
    found = base.encode([weighted("a (zorp:1.3) cat")])
    expected = reference(base, plain, [1.0, 1.3, 1.3, 1.3, 1.0])
    assert_near(found.embeds, expected)
    # at the end of a chunk the whole word moves on
    long = base.encode([weighted("a " * 73 + "(zorp:1.3) cat")])
    assert_near(long.embeds[:, 77:], base.encode([weighted("(zorp:1.3) cat")]).embeds)


def test_a_steered_prompt_may_have_weights(sdxl: Base) -> None:
    direction = torch.randn(64, generator=torch.Generator().manual_seed(2))
    settings = SteeringSettings(steps=2, rate=1e-2)
    plain = one_schedule(sdxl, "a (red:1.4) cat").pairs[0][1]
    sdxl.steering.append(PromptSteering(sdxl, direction / direction.norm(), settings, 1.0, "x.pt"))
    try:
        bent = one_schedule(sdxl, "a (red:1.4) cat").pairs[0][1]
        flat = one_schedule(sdxl, "a red cat").pairs[0][1]
    finally:
        sdxl.steering.clear()
    assert not torch.equal(bent.embeds, plain.embeds)
    assert not torch.equal(bent.embeds, flat.embeds)
    assert bool(bent.embeds.isfinite().all())


def test_each_pair_of_texts_is_encoded_once(sd1: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    encode_pair = sd1.encode_pair

    def remembered(negative, prompt, clip_skip=0):
        asked.append((negative, prompt))
        return encode_pair(negative, prompt, clip_skip)

    monkeypatch.setattr(sd1, "encode_pair", remembered)
    schedule = one_schedule(sd1, "a [cat|(dog:1.2)] [:red:0.5]", steps=8, negative="[sky::2]")
    assert len(asked) == len(set(asked)) == len(schedule.pairs)
    assert ("sky", "a cat ") in asked
    assert ("", Weighted((((Span("a "), Span("dog", 1.2), Span(" red"))),))) in asked
    assert schedule.order == (0, 1, 2, 3, 4, 5, 4, 5)


def test_a_batch_changes_only_where_somebody_changes(sd1: Base) -> None:
    found = prompt_schedules(sd1, "", ["a cat", "a [cat:dog:2]"], steps=4)
    both = [found["a cat"], found["a [cat:dog:2]"]]
    later = found["a [cat:dog:2]"].pairs[1]
    plain, guided = together(both, guided=False), together(both, guided=True)
    assert sorted(plain) == sorted(guided) == [0, 2]
    assert len(plain[0].embeds) == 2 and len(guided[0].embeds) == 4
    assert torch.equal(plain[2].embeds[1:], later[1].embeds)
    assert torch.equal(guided[2].embeds[1:2], later[0].embeds), "first those without text"
    assert torch.equal(guided[2].embeds[3:], later[1].embeds)


def settings(prompt: str, **more: object) -> GenerateSettings:
    values = {"prompt": prompt, "steps": 4, "count": 1, "seed": 5, **more}
    return GenerateSettings.parse(values)


def generated(base: Base, prompt: str, **more: object) -> np.ndarray:
    return np.asarray(engine.generate(base, settings(prompt, **more))[0].image).astype(int)


def test_a_schedule_that_never_changes_generates_the_plain_image(base: Base) -> None:
    cat, dog = generated(base, "a cat"), generated(base, "a dog")
    assert np.array_equal(generated(base, "a [cat:dog:4]"), cat)
    assert np.array_equal(generated(base, "a [cat:dog:0]"), dog)
    half = generated(base, "a [cat:dog:0.5]")
    assert not np.array_equal(half, cat) and not np.array_equal(half, dog)
    assert np.array_equal(half, generated(base, "a [cat:dog:2]"))
    assert not np.array_equal(generated(base, "a [cat|dog]"), half)


def test_second_order_samplers_change_at_the_step_not_at_the_evaluation(sd1: Base) -> None:
    heun = {"sampler": "Heun"}
    assert np.array_equal(
        generated(sd1, "a [cat:dog:0.5]", **heun), generated(sd1, "a [cat:dog:2]", **heun)
    )
    assert np.array_equal(generated(sd1, "a [cat:dog:4]", **heun), generated(sd1, "a cat", **heun))
    assert not np.array_equal(
        generated(sd1, "a [cat:dog:3]", **heun), generated(sd1, "a cat", **heun)
    )


def test_neighbours_whose_chunks_change_do_not_matter(sd1: Base) -> None:
    prompts = ["a cat", "a cat [:BREAK a dog:2]", "a [cat|dog]"]
    jobs = [Job(prompt, seed) for seed, prompt in enumerate(prompts, 1)]
    images = engine.generate(sd1, settings("", batch_size=8), jobs=jobs)
    for made in images:
        alone = generated(sd1, made.prompt, seed=made.seed)
        assert np.abs(np.asarray(made.image).astype(int) - alone).max() <= 2
