"""The formulas of measures, on features of images and texts. `docs/metrics.md` argues each.

Every measure of a column is the mean of one number per image, so that columns can be compared image by
image. Where the measure itself is no mean (KID, the Vendi score) the numbers are its influence
function shifted to have the measure as their mean: resampling them resamples the measure to first
order (Hampel 1974; the infinitesimal jackknife of Efron 1982).

Owns: the formulas. Refuses to know: who made the features, which measures are shown (`measures`).
Importing it loads no torch.

Shapes: N images, M references or texts · D feature width. Features are L2-normalised rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

_BLOCK = 2048  # rows of a kernel matrix held at once
UNSEEN_SHARE = 0.05  # of images that may look memorised and are not
SAME = 0.9999  # cosine from which two images are taken to be one


def kid(a: Tensor, b: Tensor) -> float:
    """Kernel Inception Distance on CLIP features [N, D] and [M, D]: unbiased MMD², may be < 0.

    Kernel (x·y / D + 1)³ of Bińkowski et al. 2018 (arXiv:1801.01401) on rows of length √D, which
    is (cos + 1)³ on the L2-normalised rows taken here. State N and M beside it. Computed in fp64.
    Raises InputError for fewer than two images on a side, or rows that are no numbers.
    """
    return float(kid_values(a, b).mean())


def kid_values(images: Tensor, references: Tensor) -> Tensor:
    """Influence of each image [N] on `kid`, which is their mean.

    KID = U − 2C + R (within images, across, within references). With uᵢ the mean kernel of image i
    to the other images and cᵢ to the references, U is the mean of uᵢ and a U-statistic of order two,
    so the value of image i is KID + 2 (uᵢ − U) − 2 (cᵢ − C).
    """
    a, b = _rows(images), _rows(references)
    n, m = len(a), len(b)
    within = (_kernel_rows(a, a) - _kernel_diagonal(a)) / (n - 1)
    across = _kernel_rows(a, b) / m
    of_references = (_kernel_rows(b, b) - _kernel_diagonal(b)).sum() / (m * (m - 1))
    value = within.mean() - 2 * across.mean() + of_references
    return value + 2 * (within - within.mean()) - 2 * (across - across.mean())


def own_prompt(images: Tensor, texts: Tensor) -> Tensor:
    """Cosine [N] of each image to its own prompt [N, D] (CLIPScore of Hessel et al. 2021, unscaled)."""
    assert images.shape == texts.shape, "one prompt per image"
    return (images.double() * texts.double()).sum(dim=1)


def to_references(images: Tensor, references: Tensor) -> Tensor:
    """Mean cosine [N] of each image to all references [M, D] (CLIP-I and DINO of Ruiz et al. 2022)."""
    return images.double() @ references.double().mean(dim=0)


def image_reference(images: Tensor, references: Tensor) -> float:
    """Mean cosine between images [N, D] and the mean direction of the references [M, D]."""
    from torch.nn import functional as F

    return float((images.double() @ F.normalize(references.double().mean(dim=0), dim=0)).mean())


def moved(images: Tensor, originals: Tensor) -> Tensor:
    """1 − cosine [N] between each image and what the base alone makes of the same prompt and noise."""
    return 1 - own_prompt(images, originals)


def vendi(images: Tensor) -> float:
    """The Vendi score (Friedman & Dieng 2023): how many wholly different images these [N, D] amount to.

    exp of the entropy of the eigenvalues of K / N with K the cosines; 1 for equal images, N for
    orthogonal ones.
    """
    return float(vendi_values(images).mean())


def vendi_values(images: Tensor) -> Tensor:
    """Influence of each image [N] on `vendi`, which is their mean.

    With ρ = Σ xxᵀ / N the entropy is H = −tr ρ log ρ, whose derivative in the direction of image x
    is −xᵀ (log ρ) x − H; exp H times that, and exp H.
    """
    import torch
    from torch.nn import functional as F

    rows = F.normalize(images.double(), dim=1)
    few = len(rows) <= rows.shape[1]  # ρ and K / N have the same eigenvalues
    values, vectors = torch.linalg.eigh((rows @ rows.T if few else rows.T @ rows) / len(rows))
    kept = values > 1e-12
    along = vectors * (len(rows) * values.clamp(min=0)).sqrt() if few else rows @ vectors
    surprise = -(along[:, kept] ** 2 @ values[kept].log())
    entropy = surprise.mean()
    return entropy.exp() * (1 + surprise - entropy)


@dataclass(frozen=True)
class Nearness:
    """How near images are to training images, compared with how near real images are to each other."""

    margins: Tensor
    """[N]: how much nearer than the threshold its nearest training image is, or than its nearest held-out
    image where that is less. Above 0 an image counts as memorised."""
    threshold: float
    """The cosine that hardly any real image has to another one, nor any image of the base alone to one that
    was trained on."""
    by_chance: float
    """The share of images not memorised that are expected above it, at most."""
    training: Tensor
    """[N]: which training image is the nearest."""
    cosines: Tensor
    """[N]: to it."""
    held_out: Tensor | None
    """[N]: to the nearest reference image."""

    @property
    def memorised(self) -> Tensor:
        """[N]: 1 for an image that counts as memorised, 0 for others."""
        return (self.margins > 0).double()


def nearness(
    images: Tensor, training: Tensor, held_out: Tensor | None, control: Tensor | None = None
) -> Nearness:
    """Images [N, D] against training images [T, D] and held-out ones [H, D]; `control` [C, D] are those
    that the base alone made of the same prompts.

    An image counts as memorised when its cosine to a training image is larger than real images, trained
    on or held out, have to the nearest other one of them, and larger than its own to any held-out image.
    The threshold is the largest of theirs, or the 95 % quantile of more than 19. So an image that the
    model never saw is above it with a probability of at most 5 % or 1 / (T + H + 1) (exchangeability, as
    in conformal prediction: Vovk et al. 2005). Held-out images that are training images do not count;
    without two others there is only the threshold, from training images alone.

    A prompt that says all there is in a training image leads to one like it without any copying. What the
    base alone makes of the same prompts cannot be a copy (a negative control): the threshold is at least
    the largest cosine of those images.
    """
    import torch

    truth = training = training.double()
    cosines, which = (images.double() @ training.T).max(dim=1)
    held_out = None if held_out is None else held_out[~same_as_any(held_out, training)].double()
    nearest = None
    if held_out is not None and len(held_out) >= 2:
        nearest = (images.double() @ held_out.T).max(dim=1).values
        truth = torch.cat([training, held_out])
    ranked = _to_others(truth).sort().values
    ranked = ranked[ranked <= SAME]  # an image that lies there twice is no other
    count = len(ranked)
    if not count:
        ranked, count = torch.tensor([SAME], dtype=torch.float64), 1
    rank = min(count, int(torch.ceil(torch.tensor((1 - UNSEEN_SHARE) * (count + 1)))))
    threshold = float(ranked[rank - 1])
    if control is not None and len(control):
        threshold = max(threshold, float((control.double() @ training.T).max()))
    margins = cosines - threshold
    if nearest is not None:
        margins = torch.minimum(margins, cosines - nearest)
    by_chance = max(UNSEEN_SHARE, 1 / (count + 1))
    return Nearness(margins, threshold, by_chance, which, cosines, nearest)


def same_as_any(images: Tensor, others: Tensor) -> Tensor:
    """[N]: whether an image [N, D] is one of the others [M, D]."""
    return (images.double() @ others.double().T).max(dim=1).values > SAME


def _to_others(rows: Tensor) -> Tensor:
    """Cosine [N] of each row to the nearest of the others."""
    return (rows @ rows.T).fill_diagonal_(-1).max(dim=1).values


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


def _kernel_rows(a: Tensor, b: Tensor) -> Tensor:
    """Σ over b of the kernel, for each row of a: [N]."""
    import torch

    return torch.cat([((rows @ b.T + 1) ** 3).sum(dim=1) for rows in a.split(_BLOCK)])


def _kernel_diagonal(a: Tensor) -> Tensor:
    """The kernel of each row with itself: [N]."""
    return ((a * a).sum(dim=1) + 1) ** 3
