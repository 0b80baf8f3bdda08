"""The formulas of measures: KID, image–text and image–image similarity, all on CLIP features.

Owns: the formulas. Refuses to know: the CLIP, who generated the images, which measures are shown
(`measures`). Importing it loads no torch.

Shapes: N, M images or texts · D feature width. Features are L2-normalised rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

_BLOCK = 2048  # rows of a kernel matrix held at once


def kid(a: Tensor, b: Tensor) -> float:
    """Kernel Inception Distance on CLIP features [N, D] and [M, D]: unbiased MMD², may be < 0.

    Kernel (x·y / D + 1)³ of Bińkowski et al. 2018 (arXiv:1801.01401) on rows of length √D, which
    is (cos + 1)³ on the L2-normalised rows taken here. State N and M beside it. Computed in fp64.
    Raises InputError for fewer than two images on a side, or rows that are no numbers.
    """
    a, b = _rows(a), _rows(b)
    n, m = len(a), len(b)
    same_a = (_kernel_sum(a, a) - _kernel_diagonal(a)) / (n * (n - 1))
    same_b = (_kernel_sum(b, b) - _kernel_diagonal(b)) / (m * (m - 1))
    return same_a + same_b - 2 * _kernel_sum(a, b) / (n * m)


def kid_error(a: Tensor, b: Tensor, subsets: int = 40, most: int = 1000) -> float | None:
    """Standard error of `kid(a, b)`: spread over random subsets, the same ones every time.

    The delete-d jackknife (Shao & Wu 1989): subsets hold the share f of each side (a half, or
    `most` rows when that is fewer), error = √(f / (1 − f)) · deviation. None below 8 rows.
    """
    import numpy as np
    import torch

    a, b = _rows(a), _rows(b)
    if min(len(a), len(b)) < 8:
        return None
    share = min(0.5, most / max(len(a), len(b)))
    generator = torch.Generator().manual_seed(0)
    values = []
    for _ in range(subsets):
        parts = []
        for side in (a, b):
            size = max(2, round(share * len(side)))
            parts.append(side[torch.randperm(len(side), generator=generator)[:size]])
        values.append(kid(*parts))
    return float(np.std(values, ddof=1)) * (share / (1 - share)) ** 0.5


def image_text(images: Tensor, texts: Tensor) -> float:
    """Mean cosine between images [N, D] and each one's own prompt [N, D] (CLIPScore, unscaled)."""
    assert images.shape == texts.shape, "one prompt per image"
    return float((images.double() * texts.double()).sum(dim=1).mean())


def image_image(images: Tensor, references: Tensor) -> float:
    """Mean cosine over all pairs of images [N, D] and references [M, D] (CLIP-I, Ruiz 2022)."""
    return float((images.double() @ references.double().T).mean())


def image_reference(images: Tensor, references: Tensor) -> float:
    """Mean cosine between images [N, D] and the mean direction of the references [M, D]."""
    from torch.nn import functional as F

    return float((images.double() @ F.normalize(references.double().mean(dim=0), dim=0)).mean())


def _rows(features: Tensor) -> Tensor:
    from torch.nn import functional as F

    features = features.double()
    if features.ndim != 2 or len(features) < 2:
        raise InputError(
            "KID needs at least two images on each side",
            why=f"There are {len(features)} on one",
            remedy="Choose a folder with more images, or generate more.",
        )
    if not bool(features.isfinite().all()):
        raise InputError("Some images have no features: they are damaged or all NaN")
    return F.normalize(features, dim=1)


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    return (a @ b.T + 1) ** 3


def _kernel_sum(a: Tensor, b: Tensor) -> float:
    return float(sum(_kernel(rows, b).sum() for rows in a.split(_BLOCK)))


def _kernel_diagonal(a: Tensor) -> float:
    return float((((a * a).sum(dim=1) + 1) ** 3).sum())
