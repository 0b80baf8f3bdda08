"""Hypernetwork: small networks in front of K and V of every attention (A1111's, 2022).

Owns: their first values, the trained tensors, the `.pt`, its safetensors twin and
its optimizer sidecar.
Refuses to know: the loop, base families by name, how networks are hooked in (`adapters`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from studio.architectures.record import Architecture
from studio.core.errors import InputError, SettingsError
from studio.core.names import path_of
from studio.formats.hypernetwork_layers import last_scaling
from studio.methods.base import ExportFacts, Group, Method, Trainable
from studio.methods.description import describe
from studio.methods.hypernetwork_options import (
    FROM_THE_FILE,
    HypernetworkOptions,
    check_possible,
    elsewhere,
)
from studio.settings.training import RunConfig, Settings

if TYPE_CHECKING:
    from torch import Tensor, nn

    from studio.families.base import Base
    from studio.formats.hypernetwork import HypernetworkFile


class Hypernetwork(Method):
    """Hypernetworks as a training method."""

    name: ClassVar[str] = "hypernetwork"
    title: ClassVar[str] = "Hypernetwork"
    summary: ClassVar[str] = (
        "Learns small networks that bend what attention looks at: strong on styles, larger files."
    )
    Options: ClassVar[type[Settings]] = HypernetworkOptions

    def unsupported(self, architecture: Architecture) -> str | None:
        if architecture.denoiser.cross_attention:
            return None
        return (
            f"{architecture.title} reads text and image in one attention; a hypernetwork needs "
            "layers that read the text alone."
        )

    def check(self, config: RunConfig, captions: Sequence[str]) -> list[str]:
        options = HypernetworkOptions.parse(config.options, where="options of hypernetwork")
        check_possible(options)
        warnings = options.without_effect(FROM_THE_FILE)
        if config.train.text_learning_rate:
            warnings.append("The text learning rate has no effect: only attention is changed.")
        if options.dropout_structure.strip():
            if options.dropout or options.last_layer_dropout:
                warnings.append("“dropout” has no effect: “dropout_structure” says it all.")
        elif options.dropout and not any(options.dropouts):
            warnings.append(
                "Dropout has no effect: there are no two inner layers to drop between; "
                "“last_layer_dropout” drops in front of the last one."
            )
        elif options.last_layer_dropout and not options.dropout:
            warnings.append("“last_layer_dropout” has no effect: the share dropped is 0.")
        warnings += elsewhere(options)
        if options.save_optimizer and config.train.optimizer != "adamw":
            warnings.append(
                f"“save_optimizer” has no effect: A1111 does not know {config.train.optimizer}."
            )
        return warnings

    def prepare(self, base: Base, config: RunConfig, trigger: str) -> Trainable:
        return HypernetworkTrainable(base, config, trigger)


class HypernetworkTrainable(Trainable):
    """The networks of one run: width → (for K, for V)."""

    trains_text = False

    def __init__(self, base: Base, config: RunConfig, trigger: str) -> None:
        import torch

        from studio.adapters.hypernetwork import attentions, blank_network, network

        self.base, self.config, self.trigger = base, config, trigger
        self.options = HypernetworkOptions.parse(config.options, where="options of hypernetwork")
        self.attentions = attentions(base)
        start = _from_file(self.options.continue_from)
        self.layout = start or self._fresh_layout()
        widths = sorted(self.layout.networks) if start else sorted(self.options.chosen_widths)
        self._must_exist(widths)
        widths = widths or sorted({width for width, _, _ in self.attentions})
        self.networks: dict[int, tuple[nn.Module, nn.Module]] = {}
        generator = torch.Generator("cpu").manual_seed(config.seed)
        for width in widths:
            pair = blank_network(self.layout, width), blank_network(self.layout, width)
            for part, made in enumerate(pair):
                if start:
                    made.load_state_dict(network(start, width, part).state_dict())
                else:
                    _initialise(made, self.options.initialization, generator)
                made.to(base.device).requires_grad_(True)
            self.networks[width] = pair
        self.layout.networks = {}
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

    def scale(self, strength: float) -> None:
        place = last_scaling(self.layout.sequence())
        if place is None or strength <= 0:
            raise InputError(
                "This hypernetwork cannot hold a strength",
                why="Behind its last layer comes an activation that does not scale with its input.",
                remedy=f"Set the strength {strength:g} where the file is used.",
            )
        for pair in self.networks.values():
            for network in pair:
                for name, tensor in network.named_parameters():
                    if name.startswith(f"{place}."):
                        tensor.data.mul_(strength)

    def export(self, folder: Path, facts: ExportFacts) -> list[Path]:
        from studio.core.paths import slug
        from studio.formats import hypernetwork, metadata

        file = replace(
            self.layout,
            path=folder / f"{slug(facts.name)}.pt",
            networks={
                width: (_plain(pair[0]), _plain(pair[1])) for width, pair in self.networks.items()
            },
            name=facts.name,
            step=self.layout.step + facts.step,
            sd_checkpoint=self.base.hash[:10],
            sd_checkpoint_name=self.base.name,
        )
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
        written = [twin, hypernetwork.write_pt(file.path, file)]
        kind = type(facts.optimizer)
        if self.options.save_optimizer and kind.__module__.startswith("torch.optim"):
            state = _one_group(facts.optimizer)
            written.append(hypernetwork.write_optimizer(file.path, kind.__name__, state))
        return written

    def _must_exist(self, widths: list[int]) -> None:
        """Raises SettingsError or MismatchError for widths that no attention of the base has."""
        from studio.core.errors import MismatchError

        known = sorted({width for width, _, _ in self.attentions})
        strange = ", ".join(str(width) for width in widths if width not in known)
        listed = ", ".join(map(str, known))
        if strange and self.options.continue_from:
            raise MismatchError(
                "This hypernetwork does not fit this base",
                where=self.options.continue_from,
                why=f"It changes attention of width {strange}; “{self.base.name}” "
                f"({self.base.architecture.title}) has {listed}",
                remedy="Choose the base it was made for, or another file to continue from.",
            )
        if strange:
            raise SettingsError(
                f"This base has no attention of width {strange}",
                remedy=f"Choose among {listed}, or leave the widths empty.",
            )

    def _fresh_layout(self) -> HypernetworkFile:
        from studio.formats.hypernetwork import HypernetworkFile

        options = self.options
        check_possible(options)
        dropouts = options.dropouts
        return HypernetworkFile(
            Path("new.pt"),
            {},
            layer_structure=options.structure,
            activation=options.activation,
            is_layer_norm=options.layer_norm,
            weight_initialization=options.initialization,
            use_dropout=any(dropouts),
            dropout_structure=dropouts if any(dropouts) else None,
            last_layer_dropout=len(dropouts) > 2 and dropouts[-2] > 0,
            activate_output=options.activate_output,
        )


def _from_file(text: str) -> HypernetworkFile | None:
    """The hypernetwork to continue from, if there is one."""
    from studio.formats import hypernetwork

    return hypernetwork.read(path_of(text).expanduser()) if text else None


def _one_group(optimizer: Any) -> dict[str, Any]:
    """The optimizer's state with all groups as one, which is how A1111 builds its own.

    The order of parameters is A1111's too: width by width, K before V, layer by layer.
    """
    state = optimizer.state_dict()
    group = {**state["param_groups"][0], "fused": None, "foreach": None}
    group["params"] = [number for one in state["param_groups"] for number in one["params"]]
    group.pop("base_lr", None)
    return {"state": state["state"], "param_groups": [group]}


def _plain(network: nn.Module) -> dict[str, Tensor]:
    return {
        f"linear.{name}": tensor.detach().float().cpu().contiguous()
        for name, tensor in network.state_dict().items()
    }


def _initialise(network: nn.Module, how: str, generator: object) -> None:
    """First weights as A1111 draws them: Normal has standard deviation 0.01; biases are zero.

    Norms are drawn like Normal, too: with torch's own ones the untrained network would be as loud
    as the image.
    """
    from torch import nn

    initialise = {
        "Normal": lambda w: nn.init.normal_(w, 0.0, 0.01, generator=generator),
        "XavierUniform": lambda w: nn.init.xavier_uniform_(w, generator=generator),
        "XavierNormal": lambda w: nn.init.xavier_normal_(w, generator=generator),
        "KaimingUniform": lambda w: nn.init.kaiming_uniform_(w, generator=generator),
        "KaimingNormal": lambda w: nn.init.kaiming_normal_(w, generator=generator),
    }[how]
    for module in network.modules():
        if isinstance(module, nn.Linear):
            initialise(module.weight)
        elif isinstance(module, nn.LayerNorm):
            nn.init.normal_(module.weight, 0.0, 0.01, generator=generator)
        else:
            continue
        nn.init.zeros_(module.bias)
