"""Hypernetworks: every variant of A1111's file, its defaults, and what it must refuse."""

from __future__ import annotations

import collections
from pathlib import Path

import numpy as np
import pytest
import torch

from studio.core.errors import FileError
from studio.formats import hypernetwork, hypernetwork_layers, pickles, safetensors_file
from studio.formats.inspect import inspect
from tests.formats.builders import hypernetwork_state


def plain(**more):
    return {
        "step": 1000, "name": "inner",
        8: (hypernetwork_state(8), hypernetwork_state(8, 1)),
        6: (hypernetwork_state(6), hypernetwork_state(6, 1)),
        **more,
    }  # fmt: skip


@pytest.mark.parametrize("zipped", [True, False])
def test_an_old_file_gets_a1111s_defaults(tmp_path, zipped):
    value = plain()
    torch.save(value, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    file = hypernetwork.read(tmp_path / "x.pt")
    assert set(file.networks) == {8, 6}
    assert torch.equal(file.networks[6][1]["linear.1.bias"], value[6][1]["linear.1.bias"])
    assert file.layer_structure == [1, 2, 1]
    assert (file.activation, file.is_layer_norm, file.use_dropout) == ("linear", False, False)
    assert file.activate_output is True  # a missing entry means True, although new files say False
    assert (file.name, file.step, file.weight_initialization) == ("inner", 1000, "Normal")


def test_the_oldest_key_style_is_renamed(tmp_path):
    old = collections.OrderedDict(
        (key.replace("linear.0.", "linear1.").replace("linear.1.", "linear2."), tensor)
        for key, tensor in hypernetwork_state(8).items()
    )
    assert "linear1.weight" in old
    torch.save({8: (old, old)}, tmp_path / "x.pt")
    file = hypernetwork.read(tmp_path / "x.pt")
    assert file.networks[8][0].keys() == hypernetwork_state(8).keys()
    assert file.name == "x"


def test_the_sequence_counts_every_layer():
    layers = hypernetwork.sequence(
        [1, 2, 2, 1], "swish", is_layer_norm=True, dropout=[0, 0.3, 0.2, 0], activate_output=False
    )
    kinds = [(layer.index, layer.kind) for layer in layers]
    assert kinds == [
        (0, "linear"), (1, "activation"), (2, "layer_norm"), (3, "dropout"),
        (4, "linear"), (5, "activation"), (6, "layer_norm"), (7, "dropout"),
        (8, "linear"), (9, "layer_norm"),
    ]  # fmt: skip
    shapes = hypernetwork.expected_shapes(layers, 10)
    assert shapes["linear.4.weight"] == (20, 20)
    assert shapes["linear.6.bias"] == (20,)
    assert shapes["linear.8.weight"] == (10, 20)
    activated = hypernetwork.sequence([1, 2, 1], "relu", activate_output=True)
    assert [layer.kind for layer in activated] == ["linear", "activation"] * 2
    # Sizes are cut, not rounded.
    assert hypernetwork.expected_shapes(hypernetwork.sequence([1, 1.5, 1], None), 9)[
        "linear.0.weight"
    ] == (13, 9)


def build(structure, width=8, **settings):
    layers = hypernetwork.sequence(structure, settings.get("activation_func"),
                                   is_layer_norm=settings.get("is_layer_norm", False),
                                   dropout=settings.get("dropout_structure"),
                                   activate_output=settings.get("activate_output", True))  # fmt: skip
    shapes = hypernetwork.expected_shapes(layers, width)
    states = tuple({key: torch.randn(shape) for key, shape in shapes.items()} for _ in "kv")
    return {width: states, "layer_structure": structure, **settings}


SETTINGS = [
    {"activation_func": "relu", "activate_output": False},
    {"activation_func": "swish", "is_layer_norm": True, "activate_output": True},
    {"activation_func": "mish", "dropout_structure": [0, 0.1, 0.3, 0], "use_dropout": True},
    {"activation_func": "linear", "weight_initialization": "XavierNormal"},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_settings_shape_the_file_and_survive_both_writers(tmp_path, settings):
    value = build([1, 2, 1.5, 1], **settings)
    torch.save(value, tmp_path / "x.pt")
    file = hypernetwork.read(tmp_path / "x.pt")
    assert file.activation == settings["activation_func"]
    assert file.use_dropout == bool(settings.get("use_dropout"))
    pt = hypernetwork.write_pt(tmp_path / "y.pt", file)
    twin = hypernetwork.write_safetensors(tmp_path / "y.safetensors", file, {"ss_steps": "5"})
    assert pickles.a1111_would_accept(pt)
    assert safetensors_file.read_header(twin).metadata["ss_steps"] == "5"
    for path in (pt, twin):
        again = hypernetwork.read(path)
        assert again.sequence() == file.sequence()
        assert (again.activate_output, again.weight_initialization, again.name) == (
            file.activate_output, file.weight_initialization, "x",
        )  # fmt: skip
        for state, original in zip(again.networks[8], file.networks[8], strict=True):
            assert all(torch.equal(state[key], original[key]) for key in original)
    theirs = torch.load(pt, weights_only=True)
    assert theirs["activation_func"] == settings["activation_func"]
    assert type(next(key for key in theirs if type(key) is int)) is int
    assert isinstance(theirs[8], tuple)


def test_dropout_without_a_structure_has_a1111s_places():
    file = hypernetwork.HypernetworkFile(
        path=Path("x.pt"),
        networks={},
        layer_structure=[1, 2, 2, 1],
        use_dropout=True,
    )
    assert file.dropouts() == [0, 0.3, 0, 0]
    file.last_layer_dropout = True
    assert file.dropouts() == [0, 0.3, 0.3, 0]
    file.use_dropout = False
    assert file.dropouts() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "change",
    [
        {8: None}, {8: (hypernetwork_state(8),)}, {8: (1, 2)}, {8: ({}, {})}, {8: hypernetwork_state(8)},
        {8: (hypernetwork_state(8), hypernetwork_state(6))}, {-8: (hypernetwork_state(8),) * 2},
        {"layer_structure": [1, 3, 1]}, {"layer_structure": "1,2,1"}, {"layer_structure": [1]},
        {"layer_structure": [1, 1e9, 1]}, {"layer_structure": [1, float("nan"), 1]},
        {"activation_func": "relu", "activate_output": False}, {"is_layer_norm": True},
        {"dropout_structure": [0, 2, 0]}, {"dropout_structure": [0, 0.5, 0]},
        {8: ({**hypernetwork_state(8), "linear.9.weight": torch.ones(1)}, hypernetwork_state(8))},
        {8: ({**hypernetwork_state(8), "linear.0.bias": torch.full((16,), torch.nan)}, hypernetwork_state(8))},
    ],
)  # fmt: skip
def test_files_that_do_not_fit_their_settings_are_refused(tmp_path, change):
    torch.save({**plain(), **change}, tmp_path / "x.pt")
    with pytest.raises(FileError, match="not a usable hypernetwork"):
        hypernetwork.read(tmp_path / "x.pt")


@pytest.mark.parametrize("value", [[], {}, {"name": "x"}, 3, torch.ones(2)])
def test_other_objects_are_refused(tmp_path, value):
    torch.save(value, tmp_path / "x.pt")
    with pytest.raises(FileError, match="not a usable hypernetwork"):
        hypernetwork.read(tmp_path / "x.pt")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"layer_structure": 3}'])
def test_twins_with_a_broken_header_are_refused(tmp_path, text):
    path = safetensors_file.write(
        tmp_path / "x.safetensors",
        {f"8.k.{key}": tensor for key, tensor in hypernetwork_state(8).items()},
        {"format": "hypernetwork", "hypernetwork": text},
    )
    with pytest.raises(FileError, match="not a usable hypernetwork"):
        hypernetwork.read(path)


@pytest.mark.parametrize(
    "name, reason",
    [("glu", "halves the width"), ("GLU", "halves the width"), ("threshold", "numbers of its own"),
     ("multiheadattention", "numbers of its own"), ("nope", "'nope'"), ("x" * 5000, "xxx")],
)  # fmt: skip
def test_activations_that_no_network_can_have_are_refused_where_the_file_is_read(
    tmp_path, name, reason
):
    value = build([1, 2, 1], activation_func=name, activate_output=False)
    torch.save(value, tmp_path / "x.pt")
    problems = " ".join(inspect(tmp_path / "x.pt", hashes=False).problems)
    assert reason in problems and len(problems) < 1000
    with pytest.raises(FileError, match=reason):
        hypernetwork.read(tmp_path / "x.pt")


def test_the_names_are_torchs_own():
    ours = set(hypernetwork_layers.ACTIVATIONS) - {"swish"}
    assert ours == {name.lower() for name in torch.nn.modules.activation.__all__}


def test_a_softmax_is_named_in_the_report(tmp_path):
    torch.save(build([1, 2, 1], activation_func="Softmax"), tmp_path / "x.pt")
    report = inspect(tmp_path / "x.pt", hashes=False)
    assert report.problems == [] and "compares the images of a batch" in report.notes[0]
    twin = hypernetwork.write_safetensors(
        tmp_path / "y.safetensors", hypernetwork.read(tmp_path / "x.pt")
    )
    assert inspect(twin, hashes=False).notes == report.notes


@pytest.mark.parametrize("structure", [[1, 2], [2, 1], [1, 2, 2], [0.5, 1, 1]])
def test_networks_that_give_back_another_width_are_refused(tmp_path, structure):
    torch.save(build(structure, activation_func="relu", activate_output=False), tmp_path / "x.pt")
    with pytest.raises(FileError, match="at its own width"):
        hypernetwork.read(tmp_path / "x.pt")


@pytest.mark.parametrize("name", ["glu", "threshold", "nope", "softmax"])
def test_an_activation_without_a_place_is_no_reason_to_refuse(tmp_path, name):
    """Of one layer, and its output not activated, A1111's web UI never makes the activation."""
    torch.save(build([1, 1], activation_func=name, activate_output=False), tmp_path / "x.pt")
    report = inspect(tmp_path / "x.pt", hashes=False)
    assert (report.kind, report.problems, report.notes) == ("hypernetwork", [], [])
    file = hypernetwork.read(tmp_path / "x.pt")
    assert [layer.kind for layer in file.sequence()] == ["linear"]
    twin = hypernetwork.write_safetensors(tmp_path / "y.safetensors", file)
    assert inspect(twin, hashes=False).problems == []


def test_widths_that_became_texts_are_widths(tmp_path):
    """A layer structure beside them is no vector of an embedding."""
    value = {str(key): entry for key, entry in build([1, 2, 1], width=768).items()}
    torch.save(value, tmp_path / "x.pt")
    report = inspect(tmp_path / "x.pt", hashes=False)
    assert (report.kind, report.family, report.problems) == ("hypernetwork", "sd1", [])
    assert set(hypernetwork.read(tmp_path / "x.pt").networks) == {768}


def test_settings_as_numpy_or_as_numbers_mean_the_same(tmp_path):
    value = build([1, 2, 1], activation_func="relu", activate_output=False, is_layer_norm=True)
    odd = {
        "layer_structure": np.array([1, 2, 1]), "dropout_structure": np.zeros(3),
        "activation_func": np.str_("relu"), "activate_output": 0, "is_layer_norm": 1,
    }  # fmt: skip
    torch.save(value, tmp_path / "x.pt")
    torch.save({**value, **odd}, tmp_path / "y.pt")
    plain, other = (hypernetwork.read(tmp_path / name) for name in ("x.pt", "y.pt"))
    assert other.sequence() == plain.sequence()
    assert (other.activate_output, other.is_layer_norm) == (False, True)
    assert inspect(tmp_path / "y.pt", hashes=False).problems == []


def test_an_activation_that_is_no_name_is_not_taken_for_none(tmp_path):
    torch.save({**build([1, 2, 1]), "activation_func": 3}, tmp_path / "x.pt")
    assert "called 3" in inspect(tmp_path / "x.pt", hashes=False).problems[0]
    with pytest.raises(FileError, match="called 3, which is none of torch's"):
        hypernetwork.read(tmp_path / "x.pt")
