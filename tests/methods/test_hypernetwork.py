"""Hypernetworks: every way to build one trains, is written, and comes back with equal outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from studio.adapters.hypernetwork import network
from studio.core import atomic
from studio.core.errors import FileError, MismatchError, MissingError, SettingsError
from studio.families.base import Base
from studio.formats import hypernetwork, pickles
from studio.methods.hypernetwork_options import Activation
from tests.methods.conftest import (
    FACTS,
    predict,
    predicted_from,
    predicted_with,
    prepare,
    stir,
    warnings,
)
from tests.near import assert_near

ACTIVATIONS = [name for name in get_args(Activation) if name != "glu"]
INITS = ["Normal", "XavierUniform", "XavierNormal", "KaimingUniform", "KaimingNormal"]


def one_step(base: Base, trainable: Any) -> list[torch.Tensor]:
    """A plain gradient step; the gradients."""
    parameters = [p for group in trainable.groups for p in group.parameters]
    with trainable.attached(training=True):
        latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
        prediction = base.denoise(latents, torch.tensor([300]), base.encode(["a cat"]), (32, 32))
        prediction.square().mean().backward()
    with torch.no_grad():
        for parameter in parameters:
            parameter -= 0.1 * parameter.grad
    return [p.grad for p in parameters]


@pytest.mark.parametrize("place", range(len(ACTIVATIONS)), ids=ACTIVATIONS)
def test_every_combination_trains_and_comes_back(sd1: Base, place: int, tmp_path: Path) -> None:
    """All activations, each with the next of the ways to draw, normalise, activate and drop."""
    activation = ACTIVATIONS[place]
    trained: Any = prepare(
        sd1,
        "hypernetwork",
        activation=activation,
        initialization=INITS[place % len(INITS)],
        layer_norm=place % 2 == 0,
        activate_output=place % 3 == 0,
        dropout=0.3 if place % 4 < 2 else 0.0,
        last_layer_dropout=place % 4 == 0,
        layer_structure="1, 2, 1.5, 1" if place % 2 else "1, 2, 1",
    )
    torch.manual_seed(0)
    gradients = one_step(sd1, trained)
    assert all(g is not None and bool(g.isfinite().all()) for g in gradients)
    assert any(bool(g.abs().max() > 0) for g in gradients)
    during = predicted_with(sd1, stir(trained, 0.05))
    assert torch.equal(predicted_with(sd1, trained), during), "attached for looking: nothing drops"
    assert not torch.equal(during, predict(sd1))
    for file in trained.export(tmp_path, FACTS):
        assert torch.equal(predicted_from(sd1, file), during), file.name
        again = hypernetwork.read(file)
        assert (again.activation, again.weight_initialization) == (
            activation, INITS[place % len(INITS)],
        )  # fmt: skip
        made = network(again, 32, 0)
        x = torch.randn(3, 32)
        assert torch.equal(made(x), trained.networks[32][0].eval()(x))


def test_an_untrained_network_hardly_changes_the_image(sd1: Base) -> None:
    """Also with norms: A1111 draws them small, torch's own ones would drown the image."""
    before = predict(sd1)
    for layer_norm in (False, True):
        fresh = prepare(sd1, "hypernetwork", layer_norm=layer_norm)
        assert (predicted_with(sd1, fresh) - before).abs().max() < 0.02


def test_dropout_stands_where_a1111_puts_it(sd1: Base) -> None:
    def drops(**options: Any) -> list[float]:
        made: Any = prepare(sd1, "hypernetwork", layer_structure="1, 2, 2, 1", **options)
        assert len(made.layout.dropouts()) == 4
        return [m.p for m in made.networks[32][0] if isinstance(m, torch.nn.Dropout)]

    assert drops() == []
    assert drops(last_layer_dropout=True) == []
    assert drops(dropout=0.3) == [0.3]
    assert drops(dropout=0.3, last_layer_dropout=True) == [0.3, 0.3]
    assert drops(dropout_structure="0, 0.1, .25, 0") == [0.1, 0.25]
    short: Any = prepare(sd1, "hypernetwork", dropout=0.3, last_layer_dropout=True)
    assert short.layout.dropouts() == [0, 0.3, 0]


def test_dropout_drops_only_while_training(sd1: Base) -> None:
    made = stir(prepare(sd1, "hypernetwork", dropout_structure="0, 0.5, 0"))
    quiet = predicted_with(sd1, made)
    torch.manual_seed(1)
    with made.attached(training=True):
        one, other = predict(sd1), predict(sd1)
    assert not torch.equal(one, other) and not torch.equal(one, quiet)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layer_structure": "1, 2"}, "Begin and end with 1"),
        ({"dropout_structure": "0, 0.1"}, "does not fit the layer structure"),
        ({"dropout_structure": "0.1, 0.1, 0"}, "0 for the first and the last"),
        ({"activation": "glu"}, "halves the width"),
        ({"widths": "64, 320"}, "no attention of width 320.*Choose among 32, 64"),
    ],
)
def test_what_cannot_be_built_is_refused(sd1: Base, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        prepare(sd1, "hypernetwork", **options)
    if "widths" not in options:  # the base decides about those
        with pytest.raises(SettingsError, match=said):
            warnings("hypernetwork", **options)


def test_widths_are_the_bases_own(base: Base) -> None:
    text = sum(encoder.config.hidden_size for encoder in base.text_encoders)
    made: Any = prepare(base, "hypernetwork")
    assert set(made.networks) == {text, 64} | ({32} if text == 32 else set())
    assert set(prepare(base, "hypernetwork", widths=str(text)).networks) == {text}  # type: ignore[attr-defined]


# The sidecar of the optimizer.


def test_the_optimizer_lies_beside_the_file_as_a1111_loads_it(sd1: Base, tmp_path: Path) -> None:
    made: Any = prepare(sd1, "hypernetwork", save_optimizer=True, activation="relu")
    groups = [{"params": group.parameters, "base_lr": 1.0} for group in made.groups]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, fused=True)
    one_step(sd1, made)
    optimizer.step()
    files = made.export(tmp_path, replace(FACTS, optimizer=optimizer))
    assert [file.name for file in files] == ["mine.safetensors", "mine.pt", "mine.pt.optim"]
    assert all(pickles.a1111_would_accept(file) for file in files[1:])
    saved = torch.load(files[2], weights_only=True)
    assert saved["hash"] == atomic.sha256(files[1])[:10]
    # What A1111 does with it: its own optimizer over all weights, in the order of the .pt.
    states = torch.load(files[1], weights_only=True)
    weights = [
        torch.nn.Parameter(tensor)
        for width, pair in states.items() if type(width) is int
        for state in pair for tensor in state.values()
    ]  # fmt: skip
    theirs = getattr(torch.optim, saved["optimizer_name"])(weights, lr=0.5)
    theirs.load_state_dict(saved["optimizer_state_dict"])
    for parameter in weights:
        assert theirs.state[parameter]["exp_avg"].shape == parameter.shape
        parameter.grad = torch.ones_like(parameter)
    for mine in optimizer.param_groups:
        for parameter in mine["params"]:
            parameter.grad = torch.ones_like(parameter)
    theirs.param_groups[0]["lr"] = 1e-3
    theirs.step()
    optimizer.step()
    ours = [p for group in optimizer.param_groups for p in group["params"]]
    for one, other in zip(ours, weights, strict=True):
        assert_near(one, other)


def test_without_the_option_or_with_a_foreign_optimizer_there_is_no_sidecar(
    sd1: Base, tmp_path: Path
) -> None:
    plain: Any = prepare(sd1, "hypernetwork")
    optimizer = torch.optim.AdamW(plain.groups[0].parameters)
    assert len(plain.export(tmp_path, replace(FACTS, optimizer=optimizer))) == 2
    assert any(
        "save_optimizer" in said
        for said in warnings("hypernetwork", "train.optimizer=adamw-8bit", save_optimizer=True)
    )


# Continuing from a file.


@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_going_on_begins_where_the_file_ended(sd1: Base, ending: str, tmp_path: Path) -> None:
    first = stir(
        prepare(
            sd1, "hypernetwork", activation="mish", layer_norm=True, activate_output=True,
            layer_structure="1, 1.5, 2, 1", dropout=0.2, widths="64",
        )
    )  # fmt: skip
    files = {file.suffix: file for file in first.export(tmp_path, FACTS)}
    second: Any = prepare(sd1, "hypernetwork", continue_from=str(files[ending]))
    assert set(second.networks) == {64}
    assert torch.equal(predicted_with(sd1, second), predicted_from(sd1, files[ending]))
    again = hypernetwork.read(second.export(tmp_path / "again", FACTS)[1])
    assert (again.layer_structure, again.activation, again.is_layer_norm) == (
        [1, 1.5, 2, 1], "mish", True,
    )  # fmt: skip
    assert again.step == 6, "three steps before, three now"
    assert again.dropouts() == [0, 0.2, 0, 0]


def test_a_file_for_another_base_and_no_file_at_all(sd1: Base, sdxl: Base, tmp_path: Path) -> None:
    file = prepare(sdxl, "hypernetwork").export(tmp_path, FACTS)[0]
    with pytest.raises(MismatchError, match=r"width 96.*SD 1\.x.* has 32, 64"):
        prepare(sd1, "hypernetwork", continue_from=str(file))
    with pytest.raises(MissingError):
        prepare(sd1, "hypernetwork", continue_from=str(tmp_path / "gone.pt"))
    other = prepare(sd1, "lora", rank=2).export(tmp_path, FACTS)[0]
    with pytest.raises(FileError, match="not a usable hypernetwork"):
        prepare(sd1, "hypernetwork", continue_from=str(other))


def test_settings_without_effect_are_named() -> None:
    def said(*changes: str, **options: Any) -> str:
        return " ".join(warnings("hypernetwork", *changes, **options))

    assert "no two inner layers" in said(dropout=0.2)
    assert "no effect" not in said(dropout=0.2, last_layer_dropout=True)
    assert "the share dropped is 0" in said(last_layer_dropout=True)
    assert "says it all" in said(dropout=0.2, dropout_structure="0, 0.1, 0")
    assert "“activation”, “widths” have no effect" in said(
        activation="relu", widths="32", continue_from="x.pt"
    )
    assert "text learning rate" in said("train.text_learning_rate=1e-4")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_what_comfyui_does_not_load_is_said_before_training(activation: str) -> None:
    warned = [w for w in warnings("hypernetwork", activation=activation) if "ComfyUI" in w]
    taken = ["linear", "relu", "leakyrelu", "elu", "swish", "tanh", "sigmoid", "softsign", "mish"]
    assert bool(warned) == (activation not in taken)
    assert all(activation in warning and "softsign" in warning for warning in warned)


def test_dropout_that_comfyui_leaves_on_is_said_before_training() -> None:
    def warned(**options: Any) -> bool:
        return any("leaves dropout on" in w for w in warnings("hypernetwork", **options))

    assert warned(layer_structure="1, 2, 2, 1", dropout=0.3)
    assert warned(dropout_structure="0, 0.1, 0")
    assert not warned(dropout=0.3) and not warned()  # nothing to drop between
