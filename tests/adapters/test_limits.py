"""Ranges of the sampling and factors per block: they act where they say, and come off exactly."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from studio.adapters.cache import AdapterCache
from studio.adapters.hypernetwork import attentions
from studio.adapters.stack import applied
from studio.clip.folder import find_clips
from studio.core.errors import Interrupted, SettingsError
from studio.core.paths import STARTER
from studio.families.base import Base
from studio.families.loading import load_base
from studio.families.saving import save_single
from studio.formats import aesthetic, ldm_names
from studio.infer.engine import Watch, generate
from studio.settings import block_weights
from studio.settings.training import GenerateSettings, StackItem
from tests.adapters.test_hypernetwork import make as make_hypernetwork
from tests.compare.tiny_clip import make_clip
from tests.near import assert_near
from tests.tiny import make_tiny_sd1, write_tiny_embedding, write_tiny_lora

LAYERS = ("to_q", "to_v", "conv1", "proj_in", "q_proj", "fc1")
STEPS = 4


@pytest.fixture(scope="module", params=["tiny", "starter"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Base:
    if request.param == "starter":
        return load_base("starter", "cpu", "fp32")
    folder = make_tiny_sd1(tmp_path_factory.mktemp("limits") / "base")
    make_clip(folder / "clip")
    return load_base(folder, "cpu", "fp32")


@pytest.fixture(scope="module")
def files(base: Base, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of every kind a stack takes, and a second of the kinds that act in order."""
    folder = tmp_path_factory.mktemp("files")
    parts = tuple(base.components())
    states = {"unet": {"conv_in.weight": base.denoiser.conv_in.weight + 0.05}}
    direction = torch.randn(
        find_clips(base.path, base.text_widths)[0].width, generator=torch.Generator().manual_seed(4)
    )
    widths = tuple(sorted({width for width, _, _ in attentions(base)}))
    return {
        "lora": write_tiny_lora(folder / "lora.safetensors", base, LAYERS, parts, 1, 0.1),
        "lora2": write_tiny_lora(folder / "lora2.safetensors", base, LAYERS, parts, 2, 0.1),
        "hyper": make_hypernetwork(folder / "hyper.pt", widths, 3),
        "hyper2": make_hypernetwork(folder / "hyper2.pt", widths, 5),
        "word": write_tiny_embedding(folder / "word.safetensors", base),
        "model": save_single(base, folder / "model.safetensors", states, torch.float32),
        "mood": aesthetic.write(folder / "mood.pt", direction),
    }


def item(path: Path, strength: float = 1.0, **more: Any) -> StackItem:
    return StackItem.parse({"path": str(path), "strength": strength, **more})


def image(base: Base, *stack: StackItem, cache: AdapterCache | None = None, **more: Any) -> bytes:
    settings = GenerateSettings.parse(
        {"prompt": "a red cat, word", "count": 1, "steps": STEPS, "seed": 3, **more}
    ).model_copy(update={"stack": list(stack)})
    return generate(base, settings, cache=cache)[0].image.tobytes()


def parameters(base: Base) -> dict[str, Tensor]:
    return {
        f"{component}.{name}": parameter
        for component, root in base.components().items()
        for name, parameter in root.named_parameters()
    }


def test_a_whole_range_and_factors_of_one_are_the_same_bytes(
    base: Base, files: dict[str, Path]
) -> None:
    plain = image(base, item(files["lora"]), item(files["hyper"]))
    said: dict[str, Any] = {"start": 0, "end": 1, "blocks": {"IN": 1, "M00": 1, "BASE": 1}}
    assert image(base, item(files["lora"], **said), item(files["hyper"], **said)) == plain


@pytest.mark.parametrize("kinds", [("lora",), ("hyper",), ("hyper", "hyper2"), ("model", "lora")])
def test_halves_make_a_whole(base: Base, files: dict[str, Path], kinds: tuple[str, ...]) -> None:
    """What acts from 0 to ½ and again from ½ to 1 acts always, and in the same order."""
    whole = [item(files[kind], text_strength=0.0) for kind in kinds]
    first = whole[0].model_copy(update={"end": 0.5})
    second = whole[0].model_copy(update={"start": 0.5})
    expected = image(base, *whole)
    assert image(base, first, second, *whole[1:]) == expected
    alone = [image(base, half, *whole[1:]) for half in (first, second)]
    assert len({expected, image(base, *whole[1:]), *alone}) == 4


def test_it_acts_in_the_steps_it_names_and_not_in_others(
    base: Base, files: dict[str, Path]
) -> None:
    original, acting = base.denoiser.conv_in, []
    weight = base.denoiser.down_blocks[1].attentions[0].transformer_blocks[0].attn1.to_q.weight
    seen = original.register_forward_pre_hook(
        lambda *_: acting.append(
            base.denoiser.down_blocks[1].attentions[0].transformer_blocks[0].attn1.to_q.weight
            is not weight
        )
    )
    image(base, item(files["lora"], start=0.25, end=0.75), count=2, batch_size=1)
    seen.remove()
    assert acting == [False, True, True, False] * 2
    assert base.on_step is None


def test_text_keeps_its_part_of_a_file_throughout_and_says_so(
    base: Base, files: dict[str, Path]
) -> None:
    ranged = {"start": 0.5}
    for kind in ("lora", "word", "mood"):
        with applied(base, [item(files[kind], **ranged)]) as (report,):
            assert "throughout" in report.message, kind
    for kind, more in (("hyper", {}), ("lora", {"text_strength": 0.0}), ("model", {})):
        with applied(base, [item(files[kind], **ranged, **more)]) as (report,):
            assert "throughout" not in report.message, kind
    with applied(base, [item(files["mood"], blocks={"IN": 0.5})]) as (report,):
        assert "Block weights have no meaning" in report.message


def test_an_interruption_in_the_middle_leaves_the_base_as_it_was(
    base: Base, files: dict[str, Path]
) -> None:
    before = parameters(base)
    calls = iter([False, False, True])
    settings = GenerateSettings(prompt="a cat", steps=4, stack=[item(files["lora"], end=0.3)])
    with pytest.raises(Interrupted):
        generate(base, settings, Watch(cancelled=lambda: next(calls)))
    assert all(parameters(base)[name] is before[name] for name in before)
    assert base.on_step is None


def test_an_inner_stack_is_not_disturbed_by_an_outer_one(
    base: Base, files: dict[str, Path]
) -> None:
    outer, inner = item(files["lora"], end=0.5), item(files["lora2"])
    with applied(base, [outer]):
        expected = image(base, inner)
        assert base.on_step is not None
    with applied(base, [outer.model_copy(update={"end": 1.0})]):
        assert image(base, inner) == expected, "it stands still at its first step"


def touched(base: Base, *stack: StackItem) -> dict[str, Tensor]:
    before = parameters(base)
    with applied(base, stack):
        return {name: new - before[name] for name, new in parameters(base).items()
                if new is not before[name]}  # fmt: skip


def test_factors_hold_for_the_blocks_they_name(base: Base, files: dict[str, Path]) -> None:
    plain = touched(base, item(files["lora"]))
    layout = ldm_names.UNetLayout.from_config(base.denoiser.config)

    def block(name: str) -> str:
        component, _, rest = name.partition(".")
        return (ldm_names.unet_block(rest, layout) if component == "unet" else None) or "BASE"

    assert {block(name) for name in plain} >= {"BASE", "M00", "OUT00"}
    some = next(block(name) for name in plain if block(name).startswith("IN"))
    changed = touched(base, item(files["lora"], blocks={some: -0.5, "OUT": 0.0, "BASE": 0.0}))
    assert set(changed) == {n for n in plain if not block(n).startswith(("OUT", "BASE"))}
    for name, delta in changed.items():
        expected = plain[name] * (-0.5 if block(name) == some else 1.0)
        assert_near(delta, expected)
    no_text = touched(base, item(files["lora"], text_strength=0.0))
    assert set(no_text) == set(touched(base, item(files["lora"], blocks={"BASE": 0.0})))


def test_hypernetworks_have_factors_too(base: Base, files: dict[str, Path]) -> None:
    plain = image(base)
    everywhere = {"IN": 0.0, "M00": 0.0, "OUT": 0.0}
    assert image(base, item(files["hyper"], blocks=everywhere)) == plain
    half = item(files["hyper"], blocks=dict.fromkeys(everywhere, 0.5))
    assert image(base, half) == image(base, item(files["hyper"], 0.5)) != plain


def test_a_block_that_the_base_does_not_have_is_named(base: Base, files: dict[str, Path]) -> None:
    wrong = item(files["lora"], blocks={"OUT11": 0.5})
    with pytest.raises(SettingsError, match=r"OUT11.*mean “OUT0"), applied(base, [wrong]):
        pytest.fail("the stack must not be applied")


def test_twenty_random_stacks_of_all_kinds_leave_the_same_bytes(
    base: Base, files: dict[str, Path], everything: bool
) -> None:
    if base.path == STARTER and not everything:
        pytest.skip("on the starter in the full sweep")
    plain, before, chosen, cache = (
        image(base),
        parameters(base),
        random.Random(11),
        AdapterCache(),
    )
    copies = {name: parameter.detach().clone() for name, parameter in before.items()}
    names = list(block_weights.factors({}, ldm_names.unet_blocks(
        ldm_names.UNetLayout.from_config(base.denoiser.config))))  # fmt: skip

    def pick() -> float:
        return round(chosen.uniform(-0.5, 0.5), 3)

    different = 0
    for _ in range(20):
        start = chosen.choice([0.0, 0.0, 0.25, 0.5])
        stack = [
            item(
                files[chosen.choice(list(files))], pick(), text_strength=chosen.choice([None, 0.0, 1.3]),
                start=start, end=chosen.choice([1.0, 0.75]), enabled=chosen.random() > 0.1,
                blocks={name: pick() for name in chosen.sample(names, chosen.choice([0, 0, 2]))},
            )
            for _ in range(chosen.randint(1, 6))
        ]  # fmt: skip
        different += image(base, *stack, cache=cache, steps=3) != plain
        assert image(base) == plain
    assert different > 10
    assert all(parameters(base)[name] is before[name] for name in before)
    assert all(torch.equal(before[name], copies[name]) for name in before)
    assert base.words == {} and base.steering == [] and base.on_step is None
