"""LoRA: low-rank updates beside frozen layers (Hu et al. 2021), trained through PEFT.

Owns: which layers get an update, the trained tensors, and the kohya file.
Refuses to know: the loop, base families by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from studio.config import RunConfig, Settings, setting
from studio.errors import SettingsError
from studio.methods.base import ExportFacts, Group, Method, Trainable
from studio.methods.description import describe

if TYPE_CHECKING:
    from torch import Tensor, nn

    from studio.families.base import Base

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0", "q_proj", "k_proj", "v_proj", "out_proj")
FEED_FORWARD = ("ff.net.0.proj", "ff.net.2", "proj_in", "proj_out", "fc1", "fc2")


class LoraOptions(Settings):
    """What only LoRA has."""

    rank: int = setting(
        8, "Size of the update: more learns more and makes a bigger file.", ge=1, le=512
    )
    alpha: float = setting(
        0.0, "Scale: the update is multiplied by alpha / rank; 0 takes alpha = rank.", ge=0, le=1024
    )
    target: Literal["attention", "attention + MLP"] = setting(
        "attention + MLP", "Layers that get an update.", label="Layers"
    )
    text_encoder: bool = setting(False, "Also train the text encoder.", label="Train text encoder")
    dropout: float = setting(
        0.0, "Share of inputs dropped in the update while training.", ge=0, lt=1, advanced=True
    )


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
        warnings = []
        if options.alpha > 4 * options.rank:
            warnings.append(
                f"alpha {options.alpha:g} is more than four times the rank {options.rank}: "
                "the update is scaled up strongly; usual is alpha = rank or half of it."
            )
        if not options.text_encoder and config.train.text_learning_rate:
            warnings.append(
                "The text learning rate has no effect: the text encoder is not trained."
            )
        return warnings

    def prepare(self, base: Base, config: RunConfig, trigger: str) -> Trainable:
        return LoraTrainable(base, config, trigger)


class LoraTrainable(Trainable):
    """The updates of one run. PEFT's layers stand in for the base's own only while attached."""

    def __init__(self, base: Base, config: RunConfig, trigger: str) -> None:
        self.base, self.config, self.trigger = base, config, trigger
        self.options = LoraOptions.parse(config.options, where="options of lora")
        self.trains_text = self.options.text_encoder
        self.layers: dict[str, dict[str, tuple[nn.Module, nn.Module]]] = {}
        for component, model in base.components().items():
            if component == "unet" or self.options.text_encoder:
                unread = base.family.unread(base).get(component, ())
                self.layers[component] = _inject(model, self.options, config.seed, unread)
        text_rate = config.train.text_learning_rate or config.train.learning_rate
        self.groups = [
            Group(
                component,
                [
                    parameter
                    for name in sorted(layers)
                    for parameter in _updates(layers[name][1]).values()
                ],
                config.train.learning_rate if component == "unet" else text_rate,
                config.train.weight_decay,
            )
            for component, layers in self.layers.items()
        ]

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
            for part, tensor in _updates(wrapper).items()
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        for name, tensor in self.state().items():
            tensor.data.copy_(state[name])

    def export(self, folder: Path, facts: ExportFacts) -> list[Path]:
        from studio.formats import metadata, safetensors_file
        from studio.paths import slug

        tensors = self._kohya_tensors()
        described = describe(
            self.base, self.config, facts, rank=self.options.rank, alpha=self.alpha
        )
        path = folder / f"{slug(facts.name)}.safetensors"
        safetensors_file.write(path, tensors, metadata.build(described, tensors))
        return [path]

    @property
    def alpha(self) -> float:
        """The alpha in force: 0 means the rank."""
        return self.options.alpha or float(self.options.rank)

    def _kohya_tensors(self) -> dict[str, Tensor]:
        import torch

        tensors = {}
        for component, layers in self.layers.items():
            prefix = self.base.family.kohya_prefixes[component]
            for name, (_, wrapper) in layers.items():
                if component != "unet" and not name.startswith("text_model."):
                    name = f"text_model.{name}"  # other programs expect the name of older releases
                key = f"{prefix}_{name.replace('.', '_')}"
                parts = _updates(wrapper)
                tensors[f"{key}.lora_down.weight"] = parts["lora_A"].detach().cpu().half()
                tensors[f"{key}.lora_up.weight"] = parts["lora_B"].detach().cpu().half()
                tensors[f"{key}.alpha"] = torch.tensor(self.alpha)
        return {name: tensor.contiguous() for name, tensor in sorted(tensors.items())}


def _inject(
    model: nn.Module, options: LoraOptions, seed: int, unread: Sequence[str]
) -> dict[str, tuple[nn.Module, nn.Module]]:
    """Layer name → (the base's layer, PEFT's layer around it); the model is left as it was."""
    import torch
    from peft import LoraConfig, inject_adapter_in_model

    wanted = ATTENTION + (FEED_FORWARD if options.target == "attention + MLP" else ())
    originals = {
        name: module
        for name, module in model.named_modules()
        if name.endswith(tuple("." + suffix for suffix in wanted))
        and hasattr(module, "weight")
        and not any(part in name for part in unread)
    }
    smallest = min((min(m.weight.shape[:2]) for m in originals.values()), default=0)
    if not originals or options.rank > smallest:
        raise SettingsError(
            f"Rank {options.rank} is larger than the smallest layer to train ({smallest})",
            remedy=f"Choose a rank of at most {smallest}.",
        )
    peft_config = LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha or options.rank,
        lora_dropout=options.dropout,
        target_modules=list(originals),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(peft_config, model)
    layers = {}
    for name, original in originals.items():
        wrapper = model.get_submodule(name)
        for parameter in _updates(wrapper).values():
            parameter.data = parameter.data.float()
            parameter.requires_grad_(True)
        layers[name] = (original, wrapper)
        model.set_submodule(name, original)
    if hasattr(model, "peft_config"):
        del model.peft_config
    return layers


def _updates(wrapper: Any) -> dict[str, Tensor]:
    """The trained tensors of a PEFT layer: `lora_A` [r, in(, k, k)] and `lora_B` [out, r(, 1, 1)]."""
    return {
        "lora_A": wrapper.lora_A["default"].weight,
        "lora_B": wrapper.lora_B["default"].weight,
    }
