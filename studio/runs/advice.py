"""What a run's settings will probably not do: sentences for the preflight, each with its setting.

Owns: when an architecture's usual learning rates hold for a base, and warnings about rates, lengths,
sizes, masks, templates and noise. Refuses to know: what blocks a run (`runs.preflight`), torch.
"""

from __future__ import annotations

from typing import NamedTuple

from studio import methods
from studio.architectures import ARCHITECTURES
from studio.core.counts import counted
from studio.core.errors import StudioError
from studio.families.detect import BaseInfo
from studio.families.stated_facts import learning_rates
from studio.formats.captions import unknown_places
from studio.formats.dataset import DatasetInfo
from studio.formats.dataset_info import DatasetImage, mask_of
from studio.formats.masks import Masks
from studio.settings.rate_schedule import parse_rates
from studio.settings.training import RunConfig, without_effect

MANY_STEPS = 50_000  # far more than any preset or published recipe for a handful of images
HIGHEST_RATE = 0.1  # above it no adaptive optimizer has trained anything here, whatever the base
FULL_SIZE = 500 << 20  # bytes of weights; a base below has other rates, in its studio.toml or none


class Finding(NamedTuple):
    """A sentence about a run's settings, and the key of the one it is about, where it is about one."""

    text: str
    key: str = ""


def advice(config: RunConfig, info: DatasetInfo, base: BaseInfo) -> list[Finding]:
    """Everything worth a warning."""
    return [
        *(Finding(text) for text in without_effect(config)),
        *rate_advice(config, base),
        *_length_advice(config, info),
        *_size_advice(config, base),
        *_template_advice(config, info),
        *_mask_advice(config, info),
        *_noise_advice(config, base),
    ]


def rate_advice(config: RunConfig, base: BaseInfo) -> list[Finding]:
    """Learning rates outside what usually works for this method on this base."""
    train, key = config.train, "train.learning_rate"
    if train.optimizer == "prodigy":
        if not 0.1 <= train.learning_rate <= 2:
            found = f"leave it at 1 (it is {train.learning_rate:g})."
            return [Finding(f"Prodigy finds the learning rate itself: {found}", key)]
        return []
    try:
        stated = learning_rates(base.path)
    except StudioError as error:
        return [Finding(error.sentence(), "base")]
    usual = stated.get(config.method)
    if usual is None and base.family and base.size_bytes >= FULL_SIZE:
        usual = ARCHITECTURES[base.family].learning_rates.get(config.method)
    title = methods.find(config.method).title
    low, high, whose = 0.0, HIGHEST_RATE, "with any base"
    if usual is not None:
        low, high, whose = *usual, f"for {title} on this base"
    if train.optimizer.startswith("lion"):
        low, high, whose = low / 10, high / 3, f"{whose} with Lion"
    if train.schedule == "listed":
        rates = [("train.rates", rate) for rate, _ in parse_rates(train.rates)]
    else:
        rates = [(key, train.learning_rate)]
    if train.text_learning_rate:
        rates.append(("train.text_learning_rate", train.text_learning_rate))
    bounds = f"{_plain(low)} … {_plain(high)}, what" if usual else f"{_plain(high)} and less, which"
    return [
        Finding(f"Learning rate {_plain(rate)} is outside {bounds} usually works {whose}.", setting)
        for setting, rate in dict.fromkeys(rates)
        if not low * 0.999 <= rate <= high * 1.001
    ]


def _length_advice(config: RunConfig, info: DatasetInfo) -> list[Finding]:
    train, found = config.train, []
    if train.steps > MANY_STEPS:
        found.append(
            Finding(
                f"{counted(train.steps, 'step')} are far more than a few images can use: from some "
                "thousand on a run memorises them. Usual are 300 to 3,000.",
                "train.steps",
            )
        )
    if (batch := train.batch_size * train.processes) > info.images:
        found.append(
            Finding(
                f"A batch of {batch} is larger than the dataset ({info.images}): every "
                "step sees some images more than once.",
                "train.batch_size",
            )
        )
    if train.warmup_steps >= train.steps:
        text = "The warm-up is as long as the run: the full rate is never reached."
        found.append(Finding(text, "train.warmup_steps"))
    return found


def _size_advice(config: RunConfig, base: BaseInfo) -> list[Finding]:
    side, native = config.data.resolution, base.native_size
    if not native or native / 2 <= side <= native * 2:
        return []
    return [
        Finding(
            f"The base was made for {native} px; at {side} px it can hardly make an image, and learns "
            f"that. Set the resolution to {native}, or to 0 for the base's own.",
            "data.resolution",
        )
    ]


def _template_advice(config: RunConfig, info: DatasetInfo) -> list[Finding]:
    lines = config.data.template
    found = [
        f"“{place}” in the caption template stays as it is: known are [name] and [filewords]."
        for place in dict.fromkeys(place for line in lines for place in unknown_places(line))
    ]
    named = config.data.trigger or all(item.trigger for item in info.items)
    if not named and any("[name]" in line for line in lines):
        found.append("[name] in the caption template stays empty: no trigger word is set.")
    return [Finding(text, "data.template") for text in found]


def _mask_advice(config: RunConfig, info: DatasetInfo) -> list[Finding]:
    painted = sum(bool(item.recipe.mask_file) for item in info.items)
    if config.data.mask == "none":
        text = f"{counted(painted, 'image')} with a mask of its own: it has no effect while masks are off."
        return [Finding(text, "data.mask")] if painted else []
    files = config.data.mask == "files"
    masks = Masks()

    def masked(item: DatasetImage) -> bool:
        found = mask_of(info, item.path, config.data.mask, masks)
        return item.transparent if found == item.path else found is not None

    without = sum(not masked(item) for item in info.items)
    if not without:
        return []
    what = "a mask beside them" if files else "transparency"
    do = "does" if without == 1 else "do"
    whole = "it" if without == 1 else "them"
    images = counted(info.images, "image")
    text = f"{without} of {images} {do} not have {what}: all of {whole} is learned."
    if without == info.images:
        text = f"No image has {what}: masks have no effect."
    return [Finding(text, "data.mask")]


def _noise_advice(config: RunConfig, base: BaseInfo) -> list[Finding]:
    if config.loss.zero_terminal_snr and base.prediction_type == "epsilon":
        text = (
            "Zero-terminal SNR is meant for bases that predict v; this one predicts the noise, "
            "and learns nothing from an image of noise alone."
        )
        return [Finding(text, "loss.zero_terminal_snr")]
    return []


def _plain(rate: float) -> str:
    """As people write rates: 1e-5, 2.5e-4, 0.1."""
    if rate >= 0.01:
        return f"{rate:g}"
    mantissa, _, power = f"{rate:.2e}".partition("e")
    return f"{float(mantissa):g}e{int(power)}"
