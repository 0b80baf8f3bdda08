"""Aesthetic embeddings bend prompts as the paper says, once each, and leave nothing behind."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from studio.adapters.aesthetic import slerp
from studio.adapters.cache import AdapterCache
from studio.adapters.stack import applied
from studio.clip import folder
from studio.clip.encoders import load_clip
from studio.core.errors import MismatchError, NonFiniteError, SettingsError, UnavailableError
from studio.families import text as reading
from studio.families.base import Base
from studio.families.conditioning import Conditioning
from studio.families.loading import load_base
from studio.formats import aesthetic
from studio.infer.engine import generate
from studio.settings.training import GenerateSettings, StackItem, SteeringSettings
from tests.compare.tiny_clip import make_clip
from tests.near import assert_near
from tests.tiny import (
    make_tiny_sd1,
    make_tiny_sd2,
    make_tiny_sdxl,
    write_tiny_embedding,
    write_tiny_lora,
)

MAKERS = {"sd1": make_tiny_sd1, "sd2": make_tiny_sd2, "sdxl": make_tiny_sdxl}
RATE = 1e-2  # a tiny random encoder wants more than a full-size one
PROMPT = "a red cat"


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Base]:
    """Tiny bases with a tiny CLIP; the second family's encoder lacks its CLIP's last layer."""
    found = {}
    for name, make in MAKERS.items():
        folder = make(tmp_path_factory.mktemp("steered") / name)
        make_clip(folder / "clip", text_layers=3 if name == "sd2" else 2)
        found[name] = load_base(folder, "cpu", "fp32")
    return found


@pytest.fixture(params=list(MAKERS))
def base(bases: dict[str, Base], request: pytest.FixtureRequest) -> Iterator[Base]:
    found = bases[request.param]
    found.encode(["a cat"], 1)  # the library puts its own recorders in at first use
    before = snapshot(found)
    yield found
    after = snapshot(found)
    assert all(after[0][name] is before[0][name] for name in before[0]), "the same objects"
    assert all(torch.equal(after[1][name], before[1][name]) for name in before[1])
    assert found.steering == [] and found.words == {}


def snapshot(base: Base) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    named = {
        f"{component}.{name}": parameter
        for component, root in base.components().items()
        for name, parameter in root.named_parameters()
    }
    return named, {name: parameter.detach().clone() for name, parameter in named.items()}


def write(path: Path, width: int = 16, seed: int = 0) -> Path:
    """A direction as web UIs write it."""
    row = torch.randn(width, generator=torch.Generator().manual_seed(seed))
    return aesthetic.write(path, row)


def item(path: Path, strength: float = 1.0, **changes: Any) -> StackItem:
    return StackItem(
        path=str(path), strength=strength, aesthetic={"steps": 3, "rate": RATE, **changes}
    )


def pair(
    base: Base, stack: list[StackItem], prompt: str = PROMPT, negative: str = "dog", skip: int = 0,
    cache: AdapterCache | None = None,
) -> tuple[Conditioning, Conditioning]:  # fmt: skip
    with applied(base, stack, cache):
        return base.encode_pair(negative, prompt, skip)


def test_without_steps_or_strength_every_bit_is_as_without_it(base: Base, tmp_path: Path) -> None:
    file = write(tmp_path / "a.pt")
    plain = pair(base, [])
    assert torch.equal(plain[1].embeds, base.encode(["dog", PROMPT]).embeds[1:])
    for one in (item(file, steps=0), item(file, 0.0), item(file, 1.0, steps=0, negative=True)):
        for ours, theirs in zip(pair(base, [one]), plain, strict=True):
            assert torch.equal(ours.embeds, theirs.embeds)
            assert base.architecture.name != "sdxl" or torch.equal(ours.pooled, theirs.pooled)
    steered = pair(base, [item(file)])
    assert not torch.equal(steered[1].embeds, plain[1].embeds)
    assert torch.equal(steered[0].embeds, plain[0].embeds), "the negative prompt keeps its text"


def test_tuning_equals_a_loop_written_out(base: Base, tmp_path: Path) -> None:
    file = write(tmp_path / "a.pt")
    _, ours = pair(base, [item(file, steps=2)], negative="")
    clip = load_clip(base.path).model
    encoder = copy.deepcopy(base.text_encoders[0]).requires_grad_(True)
    rest = clip.text_model.encoder.layers[len(encoder.encoder.layers) :]
    ids = base.tokenizers[0](
        PROMPT, padding="max_length", max_length=77, return_tensors="pt"
    )["input_ids"]  # fmt: skip
    end = int((ids[0] == base.tokenizers[0].eos_token_id).int().argmax())
    mask = torch.full((77, 77), float("-inf")).triu(1)[None, None]
    optimizer = torch.optim.Adam(encoder.parameters(), lr=RATE)
    direction = aesthetic.read(file).direction
    cosines = []
    for _ in range(2):
        states = encoder(ids, output_hidden_states=True).hidden_states[-1]
        for layer in rest:
            states = layer(states, mask)
        features = clip.text_projection(encoder.final_layer_norm(states)[:, end])
        cosine = functional.cosine_similarity(features, direction[None]).mean()
        cosines.append(cosine.item())
        optimizer.zero_grad()
        (-cosine).backward()
        optimizer.step()
    assert cosines[1] > cosines[0]
    by_hand = copy.copy(base)
    by_hand.text_encoders = [encoder, *base.text_encoders[1:]]
    with torch.no_grad():
        expected = by_hand.encode(["", PROMPT]).select([1])
    assert_near(ours.embeds, expected.embeds)


def test_one_prompt_is_tuned_once_and_remembered(
    bases: dict[str, Base], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, file = bases["sd1"], write(tmp_path / "a.pt")
    lora = write_tiny_lora(tmp_path / "l.safetensors", base, ("q_proj",), ("text_encoder",))
    tuned: list[str] = []
    pooled = reading.pooled

    def counted(self: Base, index: int, text: str) -> Tensor:
        tuned.append(text)
        return pooled(self, index, text)

    monkeypatch.setattr(reading, "pooled", counted)
    cache = AdapterCache()

    def generated(stack: list[StackItem], **changes: Any) -> list[str]:
        tuned.clear()
        values = {"prompt": PROMPT, "count": 3, "steps": 2, "batch_size": 2, "stack": stack}
        generate(base, GenerateSettings.parse({**values, **changes}), cache=cache)
        return list(tuned)

    stack = [item(file)]
    assert generated(stack) == [PROMPT] * 3, "three steps for three images in two batches"
    assert generated(stack) == []
    assert generated(stack, seed=9) == []
    assert generated(stack, prompt="a dog") == ["a dog"] * 3
    for changes in ({"clip_skip": 1}, {"negative_prompt": "sky"}):
        assert generated(stack, **changes) == [PROMPT] * 3, changes
    assert generated([item(file, steps=2)]) == [PROMPT] * 2
    assert generated([item(file, 0.5)]) == [PROMPT] * 3
    with_lora = [StackItem(path=str(lora)), *stack]
    assert generated(with_lora) == [PROMPT] * 3, "a LoRA may change the text encoder"
    assert generated(with_lora) == []
    assert (
        generated([item(file, negative=True)], negative_prompt="sky") == ["sky"] * 3 + [PROMPT] * 3
    )
    write(file, seed=5)
    assert generated(stack) == [PROMPT] * 3, "the file changed"


def test_the_same_stack_gives_the_same_bytes_in_every_mode(base: Base, tmp_path: Path) -> None:
    stack, cache = [item(write(tmp_path / "a.pt"))], AdapterCache()
    found = [pair(base, stack, cache=other)[1].embeds for other in (None, cache, cache)]
    with torch.inference_mode():
        found.append(pair(base, stack)[1].embeds.clone())
    with torch.no_grad():
        found.append(pair(base, stack)[1].embeds)
    assert all(torch.equal(found[0], other) for other in found[1:])


def test_strength_blends_and_files_add_up(base: Base, tmp_path: Path) -> None:
    one, two = write(tmp_path / "a.pt"), write(tmp_path / "b.pt", seed=1)
    plain = pair(base, [])[1].embeds
    changes = {
        (path, strength): pair(base, [item(path, strength)])[1].embeds - plain
        for path in (one, two)
        for strength in (0.5, 1.0)
    }
    assert_near(changes[one, 0.5], changes[one, 1.0] / 2)
    both = pair(base, [item(one), item(two, 0.5)])[1].embeds - plain
    assert_near(both, changes[one, 1.0] + changes[two, 0.5])
    text_only = StackItem.parse({**item(one).model_dump(), "text_strength": 0.5})
    assert torch.equal(pair(base, [text_only])[1].embeds - plain, changes[one, 0.5])


def test_every_setting_does_something_of_its_own(base: Base, tmp_path: Path) -> None:
    file = write(tmp_path / "a.pt")

    def found(strength: float = 0.6, **changes: Any) -> Tensor:
        negative, prompt = pair(base, [item(file, strength, **changes)])
        return torch.cat([negative.embeds, prompt.embeds])

    plain = found()
    turned: dict[str, Any] = {"text": "house", "text_angle": 0.5}
    different = {
        "steps": found(steps=4),
        "rate": found(rate=2e-2),
        "encoder": found(encoder="paper"),
        "slerp": found(slerp=True),
        "negative": found(negative=True),
        "text": found(text="house"),
        "text_angle": found(**turned),
        "text_negative": found(**turned, text_negative=True),
    }
    assert set(different) == set(SteeringSettings.model_fields)
    seen = [plain]
    for name, value in different.items():
        assert all(not torch.equal(value, other) for other in seen), name
        seen.append(value)
    assert torch.equal(found(text="house", text_angle=0.0), plain)
    unconditional = different["negative"][:1]
    assert not torch.equal(unconditional, plain[:1]) and torch.equal(
        different["slerp"][0], plain[0]
    )


def test_paper_mode_tunes_the_clips_own_text_encoder(
    bases: dict[str, Base], tmp_path: Path
) -> None:
    base = bases["sd1"]
    tiny_steps = item(write(tmp_path / "a.pt"), encoder="paper", steps=1, rate=1e-12)
    (_, ours), ids = pair(base, [tiny_steps], negative=""), base.tokenizers[0](
        PROMPT, padding="max_length", max_length=77, return_tensors="pt"
    )["input_ids"]  # fmt: skip
    with torch.no_grad():
        expected = load_clip(base.path).model.text_model(ids).last_hidden_state
    assert_near(ours.embeds, expected)


def test_the_width_decides_which_encoder_is_bent(bases: dict[str, Base], tmp_path: Path) -> None:
    base = bases["sdxl"]
    plain = pair(base, [])[1]
    first, second = (
        pair(base, [item(write(tmp_path / f"{width}.pt", width))])[1] for width in (16, 64)
    )
    assert not torch.equal(first.embeds[..., :32], plain.embeds[..., :32])
    assert torch.equal(first.embeds[..., 32:], plain.embeds[..., 32:])
    assert torch.equal(first.pooled, plain.pooled)
    assert torch.equal(second.embeds[..., :32], plain.embeds[..., :32])
    assert not torch.equal(second.embeds[..., 32:], plain.embeds[..., 32:])
    assert not torch.equal(second.pooled, plain.pooled)


def test_a_second_encoder_needs_no_clip(bases: dict[str, Base], tmp_path: Path) -> None:
    lonely = shutil.copytree(bases["sdxl"].path, tmp_path / "lonely")
    shutil.rmtree(lonely / "clip")
    base = load_base(lonely, "cpu", "fp32")
    file = write(tmp_path / "own.pt", 64)
    ours, with_clip = (pair(one, [item(file)])[1] for one in (base, bases["sdxl"]))
    assert torch.equal(ours.embeds, with_clip.embeds)
    with pytest.raises(UnavailableError, match="“paper”"):
        pair(base, [item(file, encoder="paper")])


def test_words_long_prompts_and_clip_skip_keep_working(base: Base, tmp_path: Path) -> None:
    stack = [item(write(tmp_path / "a.pt"))]
    words = [StackItem(path=str(write_tiny_embedding(tmp_path / "zibbo.safetensors", base)))]
    long = "a zibbo cat " * 30
    for prompt, skip in (("a zibbo cat", 0), (long, 0), (PROMPT, 1)):
        unbent = pair(base, words, prompt, skip=skip)
        bent = pair(base, [*words, *stack], prompt, skip=skip)
        assert [row.embeds.shape for row in bent] == [row.embeds.shape for row in unbent]
        assert not torch.equal(bent[1].embeds, unbent[1].embeds), (prompt, skip)
        assert bent[1].embeds.isfinite().all()
    assert pair(base, stack, long)[0].embeds.shape[1] > 77
    without_word = pair(base, stack, "a zibbo cat")[1]
    with_word = pair(base, [*words, *stack], "a zibbo cat")[1]
    assert not torch.equal(without_word.embeds, with_word.embeds)


def test_widths_that_fit_nothing_are_refused_in_plain_words(base: Base, tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match="48 numbers wide") as caught:
        pair(base, [item(write(tmp_path / "a.pt", 48))])
    listed = "16 and 64" if base.architecture.name == "sdxl" else "16"
    assert f"directions {listed} wide" in str(caught.value)
    assert base.name in str(caught.value)


def test_a_missing_clip_is_named(
    bases: dict[str, Base], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_describe", lambda folder: None)
    with pytest.raises(UnavailableError, match="hf download openai/clip-vit-large-patch14"):
        pair(bases["sd1"], [item(write(tmp_path / "a.pt"))])


def test_a_damaged_result_is_never_generated(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Base.encode

    def broken(self: Base, prompts: Any, clip_skip: int = 0) -> Conditioning:
        found = whole(self, prompts, clip_skip)
        own = next(self.text_encoders[0].parameters()) is before
        return found if own else Conditioning(found.embeds * float("nan"), found.pooled)

    before = next(base.text_encoders[0].parameters())
    monkeypatch.setattr(Base, "encode", broken)
    with pytest.raises(NonFiniteError, match=r"rate per prompt, 0\.01, is too high"):
        pair(base, [item(write(tmp_path / "a.pt"))])


def test_half_precision_bases_are_tuned_in_full(tmp_path: Path) -> None:
    folder = make_tiny_sd1(tmp_path / "half")
    make_clip(folder / "clip")
    base = load_base(folder, "cpu", "bf16")
    file = write(tmp_path / "a.pt")
    plain, bent = pair(base, [])[1], pair(base, [item(file, rate=1e-4)])[1]
    assert bent.embeds.dtype == plain.embeds.dtype == torch.bfloat16
    assert not torch.equal(bent.embeds, plain.embeds), "1e-4 would be lost in eight bits"


@pytest.mark.parametrize("amount", [-0.5, 0.0, 0.3, 1.0])
def test_slerp_keeps_to_the_arc(amount: float) -> None:
    start, end = torch.tensor([[1.0, 0.0], [2.0, 0.0]]), torch.tensor([[0.0, 1.0], [4.0, 0.0]])
    angle = torch.tensor(amount * torch.pi / 2)
    expected = torch.stack(
        [torch.stack([angle.cos(), angle.sin()]), torch.tensor([2 + 2 * amount, 0])]
    )
    assert_near(slerp(start, end, amount), expected)


def test_changes_on_a_stack_are_strict(tmp_path: Path) -> None:
    for wrong, named in (({"step": 3}, "did you mean “steps”"), ({"steps": 101}, "steps")):
        with pytest.raises(SettingsError, match=named):
            StackItem.parse({"path": "a.pt", "aesthetic": wrong})
    kept = StackItem.parse({"path": "a.pt", "aesthetic": {"steps": 7}})
    assert kept.aesthetic == {"steps": 7}
    assert StackItem.parse(kept.model_dump()) == kept


def test_the_file_recommends_and_the_stack_decides(base: Base, tmp_path: Path) -> None:
    direction = torch.randn(16, generator=torch.Generator().manual_seed(0))
    plain = aesthetic.write(tmp_path / "plain.pt", direction)
    recommended = SteeringSettings(steps=2, rate=RATE, slerp=True)
    twin = aesthetic.write_safetensors(tmp_path / "twin.safetensors", direction, recommended)
    stated = StackItem(path=str(plain), aesthetic=recommended.model_dump())
    wanted = pair(base, [stated])[1].embeds
    assert torch.equal(pair(base, [StackItem(path=str(twin))])[1].embeds, wanted)
    other = pair(base, [StackItem(path=str(twin), aesthetic={"steps": 4})])[1].embeds
    assert not torch.equal(other, wanted)
