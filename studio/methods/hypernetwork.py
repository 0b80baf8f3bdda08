"""Hypernetwork: small networks in front of K and V of every attention (A1111's, 2022).

Owns: their structure and first values, the trained tensors, the `.pt` and its safetensors twin.
Refuses to know: the loop, base families by name, how networks are hooked in (`adapters`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from studio.config import RunConfig, Settings, setting
from studio.errors import SettingsError
from studio.methods.base import ExportFacts, Group, Method, Trainable
from studio.methods.description import describe

if TYPE_CHECKING:
    from torch import Tensor, nn

    from studio.families.base import Base
    from studio.formats.hypernetwork import HypernetworkFile

Activation = Literal[
    "linear", "relu", "leakyrelu", "elu", "swish", "tanh", "sigmoid", "celu", "gelu", "glu",
    "hardshrink", "hardsigmoid", "hardtanh", "logsigmoid", "mish", "prelu", "relu6", "rrelu",
    "selu", "silu", "softplus", "softshrink", "softsign", "tanhshrink",
]  # fmt: skip
MAX_SAFE_RATE = 1e-4  # at full size; a textual-inversion rate destroys a hypernetwork


class HypernetworkOptions(Settings):
    """What only hypernetworks have."""

    layer_structure: str = setting(
        "1, 2, 1",
        "Widths of the layers as multiples of the attention's; first and last are 1.",
        pattern=r"^\s*\d+(\.\d+)?(\s*,\s*\d+(\.\d+)?){1,15}\s*$",
    )
    activation: Activation = setting("linear", "Function between the layers.")
    initialization: Literal[
        "Normal", "XavierUniform", "XavierNormal", "KaimingUniform", "KaimingNormal"
    ] = setting("Normal", "How the first weights are drawn.", advanced=True)
    layer_norm: bool = setting(False, "Normalise after every layer.", advanced=True)
    activate_output: bool = setting(False, "Also activate the last layer.", advanced=True)
    dropout: float = setting(
        0.0, "Share of values dropped between the inner layers while training.", ge=0, lt=1,
        advanced=True,
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
    def chosen_widths(self) -> set[int]:
        """The chosen widths; empty means all."""
        return {int(part) for part in self.widths.split(",") if part.strip()}


class Hypernetwork(Method):
    """Hypernetworks as a training method."""

    name: ClassVar[str] = "hypernetwork"
    title: ClassVar[str] = "Hypernetwork"
    summary: ClassVar[str] = (
        "Learns small networks that bend what attention looks at: strong on styles, larger files."
    )
    Options: ClassVar[type[Settings]] = HypernetworkOptions

    def check(self, config: RunConfig, captions: Sequence[str]) -> list[str]:
        options = HypernetworkOptions.parse(config.options, where="options of hypernetwork")
        structure = options.structure
        if structure[0] != 1 or structure[-1] != 1 or min(structure) <= 0:
            raise SettingsError(
                f"The layer structure {structure} cannot be used",
                why="What goes in and what comes out must have the attention's own width",
                remedy="Begin and end with 1, for example 1, 2, 1.",
            )
        warnings = []
        if options.activation == "glu":
            raise SettingsError(
                "The activation glu halves the width and fits no hypernetwork",
                remedy="Choose another activation.",
            )
        if config.train.text_learning_rate:
            warnings.append("The text learning rate has no effect: only attention is changed.")
        if options.dropout and len(structure) < 4:
            warnings.append("Dropout has no effect: there are no two inner layers to drop between.")
        return warnings

    def prepare(self, base: Base, config: RunConfig, trigger: str) -> Trainable:
        return HypernetworkTrainable(base, config, trigger)


class HypernetworkTrainable(Trainable):
    """The networks of one run: width → (for K, for V)."""

    trains_text = False

    def __init__(self, base: Base, config: RunConfig, trigger: str) -> None:
        import torch

        from studio.adapters.hypernetwork import attentions, blank_network

        self.base, self.config, self.trigger = base, config, trigger
        self.options = HypernetworkOptions.parse(config.options, where="options of hypernetwork")
        self.attentions = attentions(base)
        widths = sorted(self.options.chosen_widths or {width for width, _, _ in self.attentions})
        strange = sorted(set(widths) - {width for width, _, _ in self.attentions})
        if strange:
            known = sorted({width for width, _, _ in self.attentions})
            raise SettingsError(
                f"This base has no attention of width {', '.join(map(str, strange))}",
                remedy=f"Choose among {', '.join(map(str, known))}, or leave the widths empty.",
            )
        self.networks: dict[int, tuple[nn.Module, nn.Module]] = {}
        generator = torch.Generator("cpu").manual_seed(config.seed)
        layout = self._file(Path("new.pt"))
        for width in widths:
            pair = blank_network(layout, width), blank_network(layout, width)
            for network in pair:
                _initialise(network, self.options.initialization, generator)
                network.to(base.device).requires_grad_(True)
            self.networks[width] = pair
        self.groups = [
            Group(
                f"width {width}",
                [parameter for network in pair for parameter in network.parameters()],
                config.train.learning_rate,
                config.train.weight_decay,
            )
            for width, pair in self.networks.items()
        ]

    @contextmanager
    def attached(self, training: bool = False) -> Iterator[None]:
        from studio.adapters.hypernetwork import in_front

        with ExitStack() as hooks:
            for width, key, value in self.attentions:
                if width not in self.networks:
                    continue
                for module, network in zip((key, value), self.networks[width], strict=True):
                    network.train(training)
                    hooks.callback(in_front(module, network, 1.0)().remove)
            yield

    def state(self) -> dict[str, Tensor]:
        return {
            f"{width}.{part}.{name}": tensor
            for width, pair in self.networks.items()
            for part, network in zip("kv", pair, strict=True)
            for name, tensor in network.state_dict(keep_vars=True).items()
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        for name, tensor in self.state().items():
            tensor.data.copy_(state[name])

    def export(self, folder: Path, facts: ExportFacts) -> list[Path]:
        from studio.formats import hypernetwork, metadata
        from studio.paths import slug

        file = self._file(folder / f"{slug(facts.name)}.pt", facts)
        file.networks = {
            width: (_plain(pair[0]), _plain(pair[1])) for width, pair in self.networks.items()
        }
        tensors = {
            f"{width}.{part}.{key}": tensor
            for width, states in file.networks.items()
            for part, state in zip("kv", states, strict=True)
            for key, tensor in state.items()
        }
        described = describe(self.base, self.config, facts, product="hypernetwork")
        twin = hypernetwork.write_safetensors(
            file.path.with_suffix(".safetensors"), file, metadata.build(described, tensors)
        )
        return [twin, hypernetwork.write_pt(file.path, file)]

    def _file(self, path: Path, facts: ExportFacts | None = None) -> HypernetworkFile:
        from studio.formats.hypernetwork import HypernetworkFile

        options, structure = self.options, self.options.structure
        inner = max(0, len(structure) - 3)  # dropout stands between inner layers only
        dropout = [0.0, *[options.dropout] * inner, *[0.0] * (len(structure) - 1 - inner)]
        return HypernetworkFile(
            path,
            {},
            layer_structure=structure,
            activation=options.activation,
            is_layer_norm=options.layer_norm,
            weight_initialization=options.initialization,
            use_dropout=bool(options.dropout),
            dropout_structure=dropout if options.dropout else None,
            activate_output=options.activate_output,
            name=facts.name if facts else "",
            step=facts.step if facts else 0,
            sd_checkpoint=self.base.hash[:10],
            sd_checkpoint_name=self.base.name,
        )


def _plain(network: nn.Module) -> dict[str, Tensor]:
    return {
        f"linear.{name}": tensor.detach().float().cpu().contiguous()
        for name, tensor in network.state_dict().items()
    }


def _initialise(network: nn.Module, how: str, generator: object) -> None:
    """First weights as A1111 draws them: Normal has standard deviation 0.01; biases are zero."""
    from torch import nn

    draw = {
        "Normal": lambda w: nn.init.normal_(w, 0.0, 0.01, generator=generator),
        "XavierUniform": lambda w: nn.init.xavier_uniform_(w, generator=generator),
        "XavierNormal": lambda w: nn.init.xavier_normal_(w, generator=generator),
        "KaimingUniform": lambda w: nn.init.kaiming_uniform_(w, generator=generator),
        "KaimingNormal": lambda w: nn.init.kaiming_normal_(w, generator=generator),
    }[how]
    for module in network.modules():
        if isinstance(module, nn.Linear):
            draw(module.weight)
            nn.init.zeros_(module.bias)
