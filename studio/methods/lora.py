"""LoRA: low-rank updates beside frozen layers (Hu et al. 2021), trained through PEFT.

Owns: the trained tensors and the kohya file. DoRA (Liu et al. 2024) also trains the
length of every output's weights. Refuses to know: the loop, base families by name, which layers
(`lora_layers`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from studio.architectures.record import Architecture, is_text_encoder
from studio.core.errors import InputError
from studio.methods import lora_layers
from studio.methods.base import ExportFacts, Group, Method, Trainable
from studio.methods.description import describe
from studio.methods.lora_continue import from_file
from studio.methods.lora_options import FROM_THE_FILE, LoraOptions
from studio.settings.training import RunConfig, Settings

if TYPE_CHECKING:
    from torch import Tensor, nn

    from studio.families.base import Base
    from studio.formats.lora_module import LoraModule


class Lora(Method):
    """LoRA as a training method."""

    name: ClassVar[str] = "lora"
    title: ClassVar[str] = "LoRA"
    summary: ClassVar[str] = (
        "Learns small updates beside the model's layers: fast, small files, works for nearly everything."
    )
    Options: ClassVar[type[Settings]] = LoraOptions

    def check(self, config: RunConfig, captions: Sequence[str]) -> list[str]:
        options = LoraOptions.parse(config.options, where="options of lora")
        warnings = options.without_effect(FROM_THE_FILE)
        if options.alpha > 4 * options.rank and not options.continue_from:
            warnings.append(
                f"alpha {options.alpha:g} is more than four times the rank {options.rank}: "
                "the update is scaled up strongly; usual is alpha = rank or half of it."
            )
        if not options.text_encoder and config.train.text_learning_rate:
            warnings.append(
                "The text learning rate has no effect: the text encoder is not trained."
            )
        if (options.conv_rank or options.conv_alpha) and "conv" not in options.target:
            warnings.append(
                "“conv_rank” and “conv_alpha” have no effect: no convolutions are trained; "
                "choose the layers “attention + MLP + conv”."
            )
        return warnings + _about_dora(options)

    def layers(
        self, config: RunConfig, architecture: Architecture, names: Sequence[str]
    ) -> int | None:
        options = LoraOptions.parse(config.options, where="options of lora")
        if options.continue_from or options.text_encoder:
            return None  # the file decides, or another component has layers too
        wanted = lora_layers.endings(architecture.denoiser.layers, options.target)
        return sum(
            name.endswith(wanted) and lora_layers.passes(name, options.only) for name in names
        )

    def prepare(self, base: Base, config: RunConfig, trigger: str) -> Trainable:
        return LoraTrainable(base, config, trigger)


def _about_dora(options: LoraOptions) -> list[str]:
    if options.dora and options.dora_copy == "none":
        return [
            "DoRA is rendered right by the studio, LyCORIS, OneTrainer and PEFT. ComfyUI and Forge are "
            "some percent off, A1111 and InvokeAI generate garbage, kohya's scripts and diffusers leave "
            "a part of it out: choose a compatible copy if the file is for them."
        ]
    without = "“dora_copy” has no effect: DoRA is off."
    plain = not options.dora and not options.continue_from  # a file to continue from may be a DoRA
    return [without] if plain and options.dora_copy != "none" else []


class LoraTrainable(Trainable):
    """The updates of one run. PEFT's layers stand in for the base's own only while attached."""

    def __init__(self, base: Base, config: RunConfig, trigger: str) -> None:
        self.base, self.config, self.trigger = base, config, trigger
        self.options = LoraOptions.parse(config.options, where="options of lora")
        continued = self.options.continue_from
        self.plan = (from_file if continued else lora_layers.plan)(base, self.options)
        self.trains_text = any(is_text_encoder(component) for component in self.plan.layers)
        self.layers: dict[str, dict[str, tuple[nn.Module, nn.Module]]] = {
            component: lora_layers.wrap(
                base.components()[component],
                sizes,
                self.plan.dora[component],
                self.options.dropout,
                config.seed,
            )
            for component, sizes in self.plan.layers.items()
        }
        for (component, name), start in self.plan.start.items():
            for part, tensor in lora_layers.updates(self.layers[component][name][1]).items():
                tensor.data.copy_(start[part].reshape(tensor.shape))
        self.plan.start.clear()
        self.groups = [group for component in self.layers for group in self._groups(component)]

    def _groups(self, component: str) -> list[Group]:
        """One group per component; DoRA's magnitudes apart, for decay would shrink the base itself."""
        train = self.config.train
        rate = train.learning_rate
        if is_text_encoder(component):
            rate = train.text_learning_rate or rate
        parts: dict[bool, list[Tensor]] = {False: [], True: []}
        for name in sorted(self.layers[component]):
            for part, tensor in lora_layers.updates(self.layers[component][name][1]).items():
                parts[part == "magnitude"].append(tensor)
        groups = [Group(component, parts[False], rate, train.weight_decay)]
        if parts[True]:
            groups.append(Group(f"{component} magnitudes", parts[True], rate, 0.0))
        return groups

    @contextmanager
    def attached(self, training: bool = False) -> Iterator[None]:
        components = self.base.components()
        try:
            for component, layers in self.layers.items():
                for name, (_, wrapper) in layers.items():
                    wrapper.train(training)
                    components[component].set_submodule(name, wrapper)
            yield
        finally:
            for component, layers in self.layers.items():
                for name, (original, _) in layers.items():
                    components[component].set_submodule(name, original)

    def state(self) -> dict[str, Tensor]:
        return {
            f"{component}.{name}.{part}": tensor
            for component, layers in self.layers.items()
            for name, (_, wrapper) in layers.items()
            for part, tensor in lora_layers.updates(wrapper).items()
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        for name, tensor in self.state().items():
            tensor.data.copy_(state[name])

    def scale(self, strength: float) -> None:
        for component, layers in self.layers.items():
            if self.plan.dora[component]:
                raise InputError(
                    "A DoRA cannot hold a strength",
                    why="Its magnitudes are those of the base's weights with the whole change in them.",
                    remedy=f"Set the strength {strength:g} where the file is used.",
                )
            for _, wrapper in layers.values():
                lora_layers.updates(wrapper)["lora_B"].data.mul_(strength)

    def export(self, folder: Path, facts: ExportFacts) -> list[Path]:
        from studio.adapters import lora_file
        from studio.core.paths import slug

        usual, target = self.plan.usual, folder / f"{slug(facts.name)}.safetensors"
        described = describe(
            self.base, self.config, facts, rank=usual.rank, alpha=usual.alpha, **self._network()
        )
        path = lora_file.write(target, self.base, self.modules(), described)
        copied = self._copy(folder / slug(facts.name), facts)
        return [path, copied] if copied else [path]

    def _copy(self, stem: Path, facts: ExportFacts) -> Path | None:
        """The compatible copy beside a DoRA, if one is wanted: `mine-lora` or `mine-weights`."""
        from studio.adapters import lora_file
        from studio.formats import lora_plain

        wanted = self.options.dora_copy
        if wanted == "none" or not any(self.plan.dora.values()):
            return None
        trained = self.modules(unused=False)
        network: dict[str, Any] = {}
        if wanted == "weights":
            made, rank = lora_plain.as_weights(trained, self._weight), None
            what = "The changed weights of a DoRA"
            network = {"network_module": "lycoris.kohya", "network_args": {"algo": "full"}}
        else:
            rank = self.options.dora_copy_rank or 4 * self.plan.usual.rank
            made = lora_plain.as_low_rank(trained, self._weight, rank)
            what = f"An ordinary LoRA of rank {rank} made from a DoRA"
        said = f"{what}; it differs from that by {100 * made.error:.2g} % of its change."
        described = describe(
            self.base, self.config, facts, rank=rank, alpha=rank and float(rank), copied=said,
            description=said, **network,
        )  # fmt: skip
        path = stem.with_name(f"{stem.name}-{wanted.lower()}.safetensors")
        return lora_file.write(path, self.base, made.modules, described)

    def _weight(self, module: LoraModule) -> Any:
        return self.layers[module.component][module.name][0].weight

    def _network(self) -> dict[str, Any]:
        """How kohya's and LyCORIS' scripts would have been told to train the same layers."""
        arguments: dict[str, Any] = {}
        for component, sizes in self.plan.layers.items():
            for name, size in sizes.items():
                module: Any = self.layers[component][name][0]
                if module.weight.dim() == 4 and module.weight[0, 0].numel() > 1:
                    arguments = {"conv_dim": size.rank, "conv_alpha": size.alpha}
        if self.options.dropout:
            arguments["dropout"] = self.options.dropout
        if not any(self.plan.dora.values()):
            return {"network_args": arguments}
        arguments |= {"algo": "locon", "dora_wd": True, "wd_on_output": True}
        return {"network_module": "lycoris.kohya", "network_args": arguments}

    def modules(self, unused: bool = True) -> list[LoraModule]:
        """What was trained, layer by layer, and zeros for layers of which nothing is read.

        Those have no effect, yet programs that load a file strictly want them to be there.
        """
        found = [
            self._module(component, name, wrapper)
            for component, layers in self.layers.items()
            for name, (_, wrapper) in layers.items()
        ]
        for component, sizes in self.plan.unused.items() if unused else ():
            model, dora = self.base.components()[component], self.plan.dora[component]
            for name, size in sizes.items():
                found.append(lora_layers.without_effect(component, name, model, size, dora))
        return found

    def _module(self, component: str, name: str, wrapper: Any) -> LoraModule:
        from studio.formats.lora_module import LoraModule

        parts = {part: t.detach() for part, t in lora_layers.updates(wrapper).items()}
        tensors = {"down": parts["lora_A"], "up": parts["lora_B"]}
        if "magnitude" in parts:  # one number per output, [out, 1…]
            ones = [1] * (parts["lora_B"].dim() - 1)
            tensors["dora_scale"] = parts["magnitude"].reshape(-1, *ones)
        where: Any = component
        alpha = self.plan.layers[component][name].alpha
        return LoraModule(where, name, "dotted", "lora", tensors, alpha)
