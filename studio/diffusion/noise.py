"""The noise that training adds, drawn from (seed, step, item), and where on its scale it is drawn.

Owns: these draws. Refuses to know: what the noise is added to (`studio.diffusion.process`).

Shapes: C latent channels · h × w latent size.
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional

from studio.diffusion.seeds import gaussian, uniform


def training_noise(
    shape: tuple[int, ...],
    seed: int,
    step: int,
    item: int,
    offset: float = 0.0,
    pyramid: float = 0.0,
) -> Tensor:
    """Noise [C, h, w] for one item of a step; `offset` adds a constant per channel (noise offset),
    `pyramid` coarser noise (see `pyramid_noise`)."""
    noise = gaussian(shape, seed, "noise", step, item)
    if pyramid:
        noise = pyramid_noise(noise, pyramid, seed, step, item)
    if offset:
        noise = noise + offset * gaussian((shape[0], 1, 1), seed, "noise-offset", step, item)
    return noise


def pyramid_noise(noise: Tensor, discount: float, seed: int, step: int, item: int) -> Tensor:
    """Multi-resolution noise (Whitaker 2023) on top of `noise` [C, h, w], of unit variance again.

    Level i is drawn two to four times smaller than the one before, enlarged, times discount^i.
    """
    channels, height, width = noise.shape
    total, rows, columns = noise, float(height), float(width)
    for level in range(1, 11):
        shrink = 2 + 2 * uniform(seed, "pyramid-size", step, item, level)
        rows, columns = rows / shrink, columns / shrink
        shape = (channels, max(1, int(rows)), max(1, int(columns)))
        coarse = gaussian(shape, seed, "pyramid", step, item, level)
        total = (
            total
            + discount**level
            * functional.interpolate(
                coarse[None], (height, width), mode="bilinear", align_corners=False
            )[0]
        )
        if shape[1:] == (1, 1):
            break
    return total / total.std()


def drawn_place(
    seed: int, step: int, item: int, *, logit_normal: bool = False, bias: float = 0.0
) -> float:
    """Where in [0, 1), from clean to noisy, an item of a step is trained; `bias` above 0: noisier.

    u^(2^−bias) for uniform u, or the logit-normal distribution of mean `bias` and scale 1
    (Esser et al. 2024, section 3.1), which is dense in the middle.
    """
    if not logit_normal:
        place: float = uniform(seed, "timestep", step, item) ** 2.0**-bias
        return place
    return 1 / (1 + math.exp(-bias - float(gaussian((), seed, "timestep", step, item))))
