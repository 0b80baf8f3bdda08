"""The order of layers in a hypernetwork, and the tensors that order asks for; torch-free.

Owns: which layer has which index in A1111's Sequential (activations, norms and dropouts count).
Refuses to know: files, tensors, modules.

Source: A1111's modules/hypernetworks/hypernetwork.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from studio.core.budget import shown


@dataclass(frozen=True)
class Layer:
    """One entry of the Sequential. `index` counts every entry, as the state-dict keys do.

    `inputs` and `outputs` are multiples of the width (for a norm both are its size); `p` is a
    dropout's probability, `activation` the name of an activation.
    """

    kind: Literal["linear", "activation", "layer_norm", "dropout"]
    index: int
    inputs: float = 0.0
    outputs: float = 0.0
    p: float = 0.0
    activation: str = ""


# The lower-cased classes of torch.nn.modules.activation, which are the names that A1111's web UI
# knows, besides "linear" and its own "swish".
ACTIVATIONS: dict[str, str] = {
    name.lower(): name
    for name in (
        "CELU", "ELU", "GELU", "GLU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh",
        "LeakyReLU", "LogSigmoid", "LogSoftmax", "Mish", "MultiheadAttention", "PReLU", "ReLU",
        "ReLU6", "RReLU", "SELU", "SiLU", "Sigmoid", "Softmax", "Softmax2d", "Softmin", "Softplus",
        "Softshrink", "Softsign", "Tanh", "Tanhshrink", "Threshold",
    )
} | {"swish": "Hardswish"}  # fmt: skip
# Those that compare what they are given with the rest of the batch: without a dimension of their
# own they take the first one, and [images, tokens, numbers] begins with the images.
OVER_THE_BATCH = ("softmax", "softmin", "logsoftmax", "softmax2d")
HOMOGENEOUS = ("linear", "relu", "leakyrelu", "rrelu", "prelu")
"""Those that pass a positive factor on: f(s · x) = s · f(x)."""
COMFYUI_KNOWS = (
    "linear", "relu", "leakyrelu", "elu", "swish", "tanh", "sigmoid", "softsign", "mish",
)  # fmt: skip


def refusal(activation: Any) -> str | None:
    """Why no network can have this activation, or None. A name may be written in any case."""
    name = activation.lower() if isinstance(activation, str) else shown(activation, 40)
    if name in ("", "linear"):
        return None
    if name not in ACTIVATIONS:
        return f"Its activation is called {shown(activation, 40)}, which is none of torch's."
    if name == "glu":
        return "Its activation glu halves the width, so that no layer fits behind it."
    if name in ("threshold", "multiheadattention"):
        return f"Its activation {name} needs numbers of its own, which such a file does not hold."
    return None


def flag(value: Any, otherwise: bool) -> bool:
    """A yes or no of the file's settings; some programs wrote 1 and 0."""
    return bool(value) if type(value) in (bool, int) else otherwise


def acts(structure: Sequence[float], activate_output: bool) -> bool:
    """Whether networks of this structure have a place for the activation at all."""
    return len(structure) > 2 or activate_output


def batch_warning(activation: str) -> str:
    """What to say about an activation of `OVER_THE_BATCH`."""
    return (
        f"Its activation {activation.lower()} compares the images of a batch, those of the negative "
        "prompt among them: an image depends on what is generated together with it."
    )


def sequence(
    layer_structure: Sequence[float],
    activation: str | None,
    *,
    is_layer_norm: bool = False,
    dropout: Sequence[float] | None = None,
    activate_output: bool = False,
) -> list[Layer]:
    """Layers for multiples like [1, 2, 1]: Linear, activation, LayerNorm, Dropout, and so on.

    The activation is left out after the last Linear unless `activate_output`.
    """
    layers: list[Layer] = []
    last = len(layer_structure) - 2
    bends = (activation or "linear").lower() != "linear"
    for i, (inputs, outputs) in enumerate(pairwise(layer_structure)):
        layers.append(Layer("linear", len(layers), inputs, outputs))
        if bends and (i < last or activate_output):
            layers.append(Layer("activation", len(layers), activation=activation or ""))
        if is_layer_norm:
            layers.append(Layer("layer_norm", len(layers), outputs, outputs))
        if dropout is not None and len(dropout) > i + 1 and dropout[i + 1] > 0:
            layers.append(Layer("dropout", len(layers), p=dropout[i + 1]))
    return layers


def last_scaling(layers: Sequence[Layer]) -> int | None:
    """The layer whose numbers, multiplied by a positive factor, multiply the network's output by it;
    None where an activation that is not homogeneous comes after every such layer."""
    for layer in reversed(layers):
        if layer.kind in ("linear", "layer_norm"):
            return layer.index
        if layer.kind == "activation" and layer.activation.lower() not in HOMOGENEOUS:
            return None
    return None


def expected_shapes(layers: Sequence[Layer], width: int) -> dict[str, tuple[int, ...]]:
    """State-dict keys and shapes of one network; sizes are int(width · multiple), as in A1111."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in layers:
        inputs, outputs = int(width * layer.inputs), int(width * layer.outputs)
        if layer.kind == "linear":
            shapes[f"linear.{layer.index}.weight"] = (outputs, inputs)
            shapes[f"linear.{layer.index}.bias"] = (outputs,)
        elif layer.kind == "layer_norm":
            shapes[f"linear.{layer.index}.weight"] = (outputs,)
            shapes[f"linear.{layer.index}.bias"] = (outputs,)
        elif layer.activation.lower() == "prelu":  # the one activation with a number of its own
            shapes[f"linear.{layer.index}.weight"] = (1,)
    return shapes
