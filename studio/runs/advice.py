"""What a run's settings will probably not do: sentences for the preflight.

Owns: when an architecture's usual learning rates hold for a base, and warnings about rates, masks, templates and
noise. Refuses to know: what blocks a run (`runs.preflight`), torch.
"""

from __future__ import annotations

from studio import methods
from studio.architectures import ARCHITECTURES
from studio.core.errors import StudioError
from studio.families.detect import BaseInfo
from studio.families.stated_facts import learning_rates
from studio.formats.captions import unknown_places
from studio.formats.dataset import DatasetInfo
from studio.formats.masks import Masks
from studio.settings.rate_schedule import parse_rates
from studio.settings.training import RunConfig, without_effect

FULL_SIZE = 500 << 20  # bytes of weights; a base below has other rates, in its studio.toml or none


def advice(config: RunConfig, info: DatasetInfo, base: BaseInfo) -> list[str]:
    """Everything worth a warning."""
    return [
        *without_effect(config),
        *rate_advice(config, base),
        *_template_advice(config, info),
        *_mask_advice(config, info),
        *_noise_advice(config, base),
    ]


def rate_advice(config: RunConfig, base: BaseInfo) -> list[str]:
    """Learning rates outside what usually works for this method on this base."""
    train = config.train
    if train.optimizer == "prodigy":
        if not 0.1 <= train.learning_rate <= 2:
            return [
                "Prodigy finds the learning rate itself: leave it at 1 "
                f"(it is {train.learning_rate:g})."
            ]
        return []
    try:
        stated = learning_rates(base.path)
    except StudioError as error:
        return [error.sentence()]
    usual = stated.get(config.method)
    if usual is None and base.family and base.size_bytes >= FULL_SIZE:
        usual = ARCHITECTURES[base.family].learning_rates.get(config.method)
    if usual is None:
        return []
    low, high, beside = *usual, ""
    if train.optimizer.startswith("lion"):
        low, high, beside = low / 10, high / 3, " with Lion"
    rates = [rate for rate, _ in parse_rates(train.rates)] if train.schedule == "listed" else []
    rates = rates or [train.learning_rate]
    if train.text_learning_rate:
        rates.append(train.text_learning_rate)
    title = methods.find(config.method).title
    return [
        f"Learning rate {_plain(rate)} is outside {_plain(low)} … {_plain(high)}, what usually "
        f"works for {title} on this base{beside}."
        for rate in dict.fromkeys(rates)
        if not low * 0.999 <= rate <= high * 1.001
    ]


def _template_advice(config: RunConfig, info: DatasetInfo) -> list[str]:
    lines = config.data.template
    found = [
        f"“{place}” in the caption template stays as it is: known are [name] and [filewords]."
        for place in dict.fromkeys(place for line in lines for place in unknown_places(line))
    ]
    named = config.data.trigger or all(item.trigger for item in info.items)
    if not named and any("[name]" in line for line in lines):
        found.append("[name] in the caption template stays empty: no trigger word is set.")
    return found


def _mask_advice(config: RunConfig, info: DatasetInfo) -> list[str]:
    if config.data.mask == "none":
        return []
    files = config.data.mask == "files"
    masks = Masks()
    without = sum(not (masks.of(i.path) if files else i.transparent) for i in info.items)
    if not without:
        return []
    what = "a mask beside them" if files else "transparency"
    if without == info.pictures:
        return [f"No image has {what}: masks have no effect."]
    return [f"{without} of {info.pictures} images do not have {what}: all of them is learned."]


def _noise_advice(config: RunConfig, base: BaseInfo) -> list[str]:
    if config.loss.zero_terminal_snr and base.prediction_type == "epsilon":
        return [
            "Zero-terminal SNR is meant for bases that predict v; this one predicts the noise, "
            "and learns nothing from an image of noise alone."
        ]
    return []


def _plain(rate: float) -> str:
    """As people write rates: 1e-5, 2.5e-4, 0.1."""
    if rate >= 0.01:
        return f"{rate:g}"
    mantissa, _, power = f"{rate:.2e}".partition("e")
    return f"{float(mantissa):g}e{int(power)}"
