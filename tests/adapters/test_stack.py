"""A stack does what its strengths say, and leaves nothing behind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from studio.adapters.cache import AdapterCache
from studio.adapters.stack import applied
from studio.core.errors import FileError, MissingError, NonFiniteError
from studio.families.base import Base
from studio.settings.training import StackItem
from tests.near import assert_near
from tests.tiny import write_tiny_embedding, write_tiny_lora

EVERYWHERE = ("to_q", "to_v", "conv1", "proj_in", "q_proj", "fc1")


@pytest.fixture(params=["sd1", "sdxl"])
def base(request: pytest.FixtureRequest) -> Iterator[Base]:
    found: Base = request.getfixturevalue(request.param)
    yield found
    assert found.words == {}


def parameters(base: Base) -> dict[str, Tensor]:
    return {
        f"{component}.{name}": parameter
        for component, root in base.components().items()
        for name, parameter in root.named_parameters()
    }


def hooks(base: Base) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks)
        for root in base.components().values()
        for module in root.modules()
    )


def output(base: Base) -> Tensor:
    """Everything adapters can change: the text and the prediction for it."""
    with torch.no_grad():
        conditioning = base.encode(["a red cat and word"])
        noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
        prediction = base.denoise(noise, torch.tensor([300]), conditioning, (32, 32))
        return torch.cat([conditioning.embeds.flatten(), prediction.flatten()])


def everywhere(base: Base, path: Path, seed: int = 0, size: float = 0.1) -> Path:
    return write_tiny_lora(path, base, EVERYWHERE, tuple(base.components()), seed, size)


def item(path: Path, strength: float = 1.0, **more: object) -> StackItem:
    return StackItem.parse({"path": str(path), "strength": strength, **more})


def test_random_stacks_come_off_to_the_last_bit(base: Base, tmp_path: Path) -> None:
    files = [everywhere(base, tmp_path / f"lora{seed}.safetensors", seed) for seed in range(3)]
    files += [write_tiny_embedding(tmp_path / "word.safetensors", base)]
    files += [write_tiny_embedding(tmp_path / "cat.safetensors", base, vectors=1, seed=2)]
    before, image = parameters(base), output(base)
    own_hooks = hooks(base)  # transformers hooks its layers when asked for hidden states
    copies = {name: parameter.detach().clone() for name, parameter in before.items()}
    cache = AdapterCache()
    chosen = random.Random(7)
    for _ in range(20):
        stack = [
            item(
                chosen.choice(files),
                chosen.uniform(-1, 2),
                text_strength=chosen.choice([None, 0.0, 1.3]),
                enabled=chosen.random() > 0.2,
            )
            for _ in range(chosen.randint(1, 6))
        ]
        with applied(base, stack, cache) as reports:
            assert len(reports) == sum(entry.enabled for entry in stack)
            output(base)
    after = parameters(base)
    assert all(after[name] is before[name] for name in before)
    assert all(torch.equal(after[name], copies[name]) for name in before)
    assert hooks(base) == own_hooks
    assert torch.equal(output(base), image)


def test_the_same_stack_twice_gives_the_same_bytes(base: Base, tmp_path: Path) -> None:
    stack = [item(everywhere(base, tmp_path / "a.safetensors"), 0.7)]
    results = []
    for cache in (None, AdapterCache(), AdapterCache(max_bytes=0)):
        with applied(base, stack, cache):
            results.append(output(base))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_it_comes_off_when_something_goes_wrong_inside(base: Base, tmp_path: Path) -> None:
    stack = [
        item(everywhere(base, tmp_path / "a.safetensors")),
        item(write_tiny_embedding(tmp_path / "word.safetensors", base)),
    ]
    before, image = parameters(base), output(base)
    with pytest.raises(KeyboardInterrupt), applied(base, stack):
        assert not torch.equal(output(base), image)
        raise KeyboardInterrupt
    assert all(parameters(base)[name] is parameter for name, parameter in before.items())
    assert torch.equal(output(base), image)


def test_a_bad_file_late_in_the_stack_changes_nothing(base: Base, tmp_path: Path) -> None:
    good = item(everywhere(base, tmp_path / "a.safetensors"))
    text = tmp_path / "readme.safetensors"
    text.write_text("not a model")
    before = parameters(base)
    for bad, error in ((text, FileError), (tmp_path / "gone.safetensors", MissingError)):
        with pytest.raises(error), applied(base, [good, item(bad)]):
            pytest.fail("the stack must not be applied")
        assert all(parameters(base)[name] is parameter for name, parameter in before.items())


@pytest.mark.parametrize("strength", [-1.0, 0.0, 1.0, 2.0])
def test_strength_is_linear_in_the_weights(base: Base, tmp_path: Path, strength: float) -> None:
    path = everywhere(base, tmp_path / "a.safetensors")
    plain = parameters(base)

    def change(at: float) -> dict[str, Tensor]:
        with applied(base, [item(path, at)]):
            return {name: now - plain[name] for name, now in parameters(base).items()}

    full, scaled = change(0.5), change(strength)
    touched = [name for name in full if bool(full[name].any())]
    assert len(touched) > 10
    for name in full:
        assert_near(scaled[name], full[name] * strength * 2)


def test_no_strength_and_switched_off_are_exactly_the_base(base: Base, tmp_path: Path) -> None:
    path = everywhere(base, tmp_path / "a.safetensors")
    word = write_tiny_embedding(tmp_path / "word.safetensors", base)
    plain = output(base)
    for stack in (
        [item(path, 0.0), item(word, 0.0)],
        [item(path, enabled=False), item(word, enabled=False)],
        [item(path, 1.0, enabled=False, text_strength=1.0)],
    ):
        with applied(base, stack):
            assert torch.equal(output(base), plain)


def test_the_text_encoder_has_a_strength_of_its_own(base: Base, tmp_path: Path) -> None:
    path = everywhere(base, tmp_path / "a.safetensors")
    plain = parameters(base)

    def touched(**strengths: float) -> set[str]:
        with applied(base, [StackItem.parse({"path": str(path), **strengths})]):
            return {
                name.partition(".")[0]
                for name, now in parameters(base).items()
                if now is not plain[name]
            }

    encoders = {name for name in base.components() if name != "unet"}
    assert touched(strength=1.0, text_strength=0.0) == {"unet"}
    assert touched(strength=0.0, text_strength=1.0) == encoders
    assert touched(strength=1.0) == {"unet"} | encoders


def test_files_add_up_in_any_order(base: Base, tmp_path: Path) -> None:
    first = everywhere(base, tmp_path / "a.safetensors", 1)
    second = everywhere(base, tmp_path / "b.safetensors", 2)
    plain = parameters(base)

    def weights(*stack: StackItem) -> dict[str, Tensor]:
        with applied(base, stack):
            return parameters(base)

    a, b = weights(item(first, 0.5)), weights(item(second, -0.7))
    both = weights(item(first, 0.5), item(second, -0.7))
    turned = weights(item(second, -0.7), item(first, 0.5))
    for name, before in plain.items():
        expected = a[name] + b[name] - before
        assert_near(both[name], expected)
        assert_near(turned[name], both[name])
    twice, double = weights(item(first), item(first)), weights(item(first, 2.0))
    for name in plain:
        assert_near(twice[name], double[name])


def test_of_two_words_with_one_name_the_later_wins(base: Base, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    files = []
    for seed, folder in enumerate(folders):
        folder.mkdir()
        files.append(write_tiny_embedding(folder / "word.safetensors", base, seed=seed))
    with applied(base, [item(files[1])]):
        expected = output(base)
    with applied(base, [item(files[0]), item(files[1])]):
        assert torch.equal(output(base), expected)


def test_stacks_nest_like_brackets(base: Base, tmp_path: Path) -> None:
    first = everywhere(base, tmp_path / "a.safetensors", 1)
    second = everywhere(base, tmp_path / "b.safetensors", 2)
    plain = output(base)
    with applied(base, [item(first)]):
        outer = output(base)
        with applied(base, [item(second)]):
            assert not torch.equal(output(base), outer)
        assert torch.equal(output(base), outer)
    assert torch.equal(output(base), plain)


def test_a_file_with_nan_is_refused_and_the_base_is_whole(sd1: Base, tmp_path: Path) -> None:
    path = write_tiny_lora(tmp_path / "broken.safetensors", sd1, size=float("nan"))
    before = output(sd1)
    with pytest.raises(NonFiniteError, match=r"broken\.safetensors"), applied(sd1, [item(path)]):
        pytest.fail("the stack must not be applied")
    assert torch.equal(output(sd1), before)


def test_a_file_that_changed_on_disk_is_read_again(sd1: Base, tmp_path: Path) -> None:
    cache = AdapterCache()
    path = everywhere(sd1, tmp_path / "a.safetensors", 1)
    with applied(sd1, [item(path)], cache):
        first = output(sd1)
    everywhere(sd1, path, 2, size=0.2)
    with applied(sd1, [item(path)], cache):
        assert not torch.equal(output(sd1), first)


def test_the_cache_stays_within_its_size(sd1: Base, tmp_path: Path) -> None:
    cache = AdapterCache(max_bytes=300_000)
    for seed in range(4):
        path = everywhere(sd1, tmp_path / f"{seed}.safetensors", seed)
        with applied(sd1, [item(path)], cache):
            pass
        assert 0 < cache.bytes <= 300_000
    cache.clear()
    assert cache.bytes == 0


def test_half_precision_bases_take_changes_too(sd1_folder: Path, tmp_path: Path) -> None:
    from studio.families.loading import load_base

    base = load_base(sd1_folder, "cpu", "bf16")
    path = everywhere(base, tmp_path / "a.safetensors")
    before = parameters(base)
    with applied(base, [item(path)]):
        assert {now.dtype for now in parameters(base).values()} == {torch.bfloat16}
        assert any(parameters(base)[name] is not before[name] for name in before)
    assert all(parameters(base)[name] is before[name] for name in before)


def test_merged_weights_can_be_trained_through(sd1: Base, tmp_path: Path) -> None:
    """A stack applied while images are generated must not poison a later backward pass."""
    path = everywhere(sd1, tmp_path / "a.safetensors")
    with torch.inference_mode(), applied(sd1, [item(path)]), torch.inference_mode(False):
        latents = torch.zeros(1, 4, 16, 16, requires_grad=True)
        conditioning = sd1.encode(["a cat"])
        sd1.denoise(latents, torch.tensor([5]), conditioning, (32, 32)).sum().backward()
    assert latents.grad is not None
