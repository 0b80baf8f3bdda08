"""The settings of the loss: how errors count, which timesteps, what noise.

Owns: the class. Refuses to know: how a loss is computed (`studio.train`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationInfo, field_validator

from studio.settings.base import Settings, setting


class LossSettings(Settings):
    """What the loss counts."""

    type: Literal["l2", "huber", "smooth-l1"] = setting(
        "l2", "How an error counts: squared, or (pseudo-Huber, smooth L1) large ones only linearly, "
        "which makes training less sensitive to outliers.", advanced=True,
    )  # fmt: skip
    huber_delta: float = setting(
        0.1, "Errors larger than this count linearly.", gt=0, le=10, advanced=True,
        applies="loss.type=huber|smooth-l1",
    )  # fmt: skip
    huber_schedule: Literal["constant", "exponential", "snr"] = setting(
        "constant", "How delta falls with the noise: from 1 to delta exponentially or with the "
        "signal-to-noise ratio (Khrapov et al. 2024).", advanced=True,
        applies="loss.type=huber|smooth-l1",
    )  # fmt: skip
    weighting: Literal["min-snr", "debiased", "none"] = setting(
        "min-snr", "Weight of the timesteps: Min-SNR (Hang et al. 2023), debiased estimation "
        "(Yu et al. 2023), or all the same. Flow models weigh all the same.", advanced=True,
    )  # fmt: skip
    min_snr_gamma: float = setting(
        5.0, "Min-SNR weighting (Hang et al. 2023); 0 switches it off.", ge=0, le=100,
        advanced=True, applies="loss.weighting=min-snr",
    )  # fmt: skip
    timestep_distribution: Literal["auto", "uniform", "logit-normal"] = setting(
        "auto", "How timesteps are chosen: all alike often, or mostly medium noise (logit-normal, "
        "Esser et al. 2024); auto is logit-normal for flow models, uniform for others.",
        advanced=True,
    )  # fmt: skip
    timestep_from: float = setting(
        0.0, "Least noise trained on, as a share of the base's timesteps.", ge=0, lt=1,
        advanced=True,
    )  # fmt: skip
    timestep_to: float = setting(
        1.0, "Most noise trained on, as a share of the base's timesteps.", gt=0, le=1,
        advanced=True,
    )  # fmt: skip
    timestep_bias: float = setting(
        0.0, "Above 0 samples noisy timesteps more often (composition), below 0 clean ones (detail).",
        ge=-3, le=3, advanced=True,
    )  # fmt: skip
    noise_offset: float = setting(
        0.0, "Adds a constant per channel to the noise, for very dark or bright images.",
        ge=0, le=1, advanced=True,
    )  # fmt: skip
    pyramid_noise: float = setting(
        0.0, "Adds coarser noise, each coarser level multiplied by this once more (usual 0.3; for "
        "dark and bright images); 0 adds none.", ge=0, lt=1, advanced=True,
    )  # fmt: skip
    input_perturbation: float = setting(
        0.0, "Extra noise on the input only, against accumulating errors (Ning et al. 2023; usual "
        "0.1).", ge=0, le=1, advanced=True,
    )  # fmt: skip
    zero_terminal_snr: bool = setting(
        False, "Rescale the noise so that the last timestep is pure noise (Lin et al. 2023): true "
        "black and white, for bases that predict v.", label="Zero-terminal SNR", advanced=True,
    )  # fmt: skip

    @field_validator("timestep_to")
    @classmethod
    def _some_timesteps(cls, value: float, info: ValidationInfo) -> float:
        if value <= info.data.get("timestep_from", 0):
            raise ValueError("it must be above timestep_from")
        return value
