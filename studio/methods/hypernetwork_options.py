"""The options of hypernetwork training, and which of them can be built and loaded elsewhere.

Owns: the class and its rules. Refuses to know: torch, what is done with them.
"""

from __future__ import annotations

from typing import Literal

from studio.core.errors import SettingsError
from studio.methods.base import ContinuedOptions
from studio.settings.training import setting

Activation = Literal[
    "linear", "relu", "leakyrelu", "elu", "swish", "tanh", "sigmoid", "celu", "gelu", "glu",
    "hardshrink", "hardsigmoid", "hardtanh", "logsigmoid", "mish", "prelu", "relu6", "rrelu",
    "selu", "silu", "softplus", "softshrink", "softsign", "tanhshrink",
]  # fmt: skip
# What a file to continue from decides instead of the options.
FROM_THE_FILE = (
    "layer_structure", "activation", "initialization", "layer_norm", "activate_output", "dropout",
    "last_layer_dropout", "dropout_structure", "widths",
)  # fmt: skip


class HypernetworkOptions(ContinuedOptions):
    """What only hypernetworks have."""

    layer_structure: str = setting(
        "1, 2, 1",
        "Widths of the layers as multiples of the attention's; first and last are 1.",
        pattern=r"^\s*\d+(\.\d+)?(\s*,\s*\d+(\.\d+)?){1,15}\s*$",
    )
    activation: Activation = setting(
        "linear", "Function between the layers. ComfyUI loads only files with linear, relu, "
        "leakyrelu, elu, swish, tanh, sigmoid, softsign or mish.",
    )  # fmt: skip
    initialization: Literal[
        "Normal", "XavierUniform", "XavierNormal", "KaimingUniform", "KaimingNormal"
    ] = setting("Normal", "How the weights are initialized.", advanced=True)
    layer_norm: bool = setting(False, "Normalise after every layer.", advanced=True)
    activate_output: bool = setting(False, "Also activate the last layer.", advanced=True)
    dropout: float = setting(
        0.0, "Share of values dropped between the inner layers while training. ComfyUI goes on "
        "dropping while it generates.", ge=0, lt=1,
        advanced=True,
    )  # fmt: skip
    last_layer_dropout: bool = setting(
        False, "Also drop values in front of the last layer.", advanced=True
    )
    dropout_structure: str = setting(
        "", "Share dropped after each place of the layer structure, such as 0, 0.1, 0.3, 0; "
        "empty takes the share above.",
        pattern=r"^(\s*0?\.?\d*\s*(,\s*0?\.?\d*\s*)*)?$", advanced=True,
    )  # fmt: skip
    save_optimizer: bool = setting(
        False, "Also write the optimizer's state beside the .pt (.pt.optim), so that A1111 can go "
        "on training.", advanced=True,
    )  # fmt: skip
    widths: str = setting(
        "", "Attention widths that get networks, such as 320, 768; empty takes every one.",
        pattern=r"^(\s*\d+\s*(,\s*\d+\s*)*)?$", advanced=True,
    )  # fmt: skip

    @property
    def structure(self) -> list[float]:
        """The layer structure as numbers."""
        return [float(part) for part in self.layer_structure.split(",")]

    @property
    def dropouts(self) -> list[float]:
        """The share dropped after each place of the structure; A1111's rule where none is written."""
        if self.dropout_structure.strip():
            return [float(part) for part in self.dropout_structure.split(",")]
        places = len(self.structure)
        if places < 3:
            return [0.0] * places
        last = self.dropout if self.last_layer_dropout else 0.0
        return [0.0, *[self.dropout] * (places - 3), last, 0.0]

    @property
    def chosen_widths(self) -> set[int]:
        """The chosen widths; empty means all."""
        return {int(part) for part in self.widths.split(",") if part.strip()}


def elsewhere(options: HypernetworkOptions) -> list[str]:
    """What ComfyUI makes of the file (comfy_extras/nodes_hypernetwork.py); A1111 takes them all."""
    from studio.formats.hypernetwork_layers import COMFYUI_KNOWS

    said = []
    if options.activation not in COMFYUI_KNOWS:
        said.append(
            f"ComfyUI will not load this file: it does not know the activation "
            f"{options.activation}, only {', '.join(COMFYUI_KNOWS)}."
        )
    if any(options.dropouts):
        said.append(
            "ComfyUI leaves dropout on while it generates: the same seed gives another image "
            "each time there."
        )
    return said


def check_possible(options: HypernetworkOptions) -> None:
    """Raises SettingsError for a structure, a dropout or an activation that cannot be built."""
    structure = options.structure
    if structure[0] != 1 or structure[-1] != 1 or min(structure) <= 0:
        raise SettingsError(
            f"The layer structure {structure} cannot be used",
            why="What goes in and what comes out must have the attention's own width",
            remedy="Begin and end with 1, for example 1, 2, 1.",
        )
    dropouts = options.dropouts
    if len(dropouts) != len(structure) or dropouts[0] or dropouts[-1] or max(dropouts) >= 1:
        raise SettingsError(
            f"The dropout structure {dropouts} does not fit the layer structure {structure}",
            why="It needs a share below 1 for each place, and 0 for the first and the last",
            remedy="Write as many numbers, for example 0, 0.1, 0 for 1, 2, 1.",
        )
    if options.activation == "glu":
        raise SettingsError(
            "The activation glu halves the width and fits no hypernetwork",
            remedy="Choose another activation.",
        )
