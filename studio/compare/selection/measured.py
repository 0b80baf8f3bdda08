"""The measures of a race among checkpoints: its images as any other comparison has them.

A race gives its columns different numbers of images. They become rows in the order of a comparison's
jobs, prompt by prompt, with rows of zeros where a column has none, so that any two columns are compared
over the images that both have. Imports torch.

Owns: this layout. Refuses to know: the race, measures, when they are taken.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from studio.compare.features import KeptFeatures
from studio.compare.selection.scores import Judge

LACKING = {
    "training": "a race watches for copies of training images by itself; Curves shows how near they come",
    "ordinary": "a race measures drift by itself; Curves shows it",
    "attributes": "a race generates no images of ordinary prompts; Compare’s mode Columns does",
}
"""What the measures of a race do without, and why."""
NO_REFERENCE = {
    "reference": "no images are held out; Curves shows likeness to the training images instead"
}
"""The same where nothing is held out from training."""


def race_features(
    seen: Mapping[int, Tensor], judge: Judge, prompts: int, seeds: tuple[int, ...]
) -> KeptFeatures:
    """Column → features [N, D] round by round, as a comparison keeps them."""
    order = torch.arange(prompts * len(seeds)).reshape(len(seeds), prompts).T.reshape(-1)
    tensors = {f"c{column}": _padded(rows, len(order))[order] for column, rows in seen.items()}
    tensors |= {
        "texts": judge.texts[order % prompts],
        "at/prompts": order % prompts,
        "at/seeds": torch.tensor(seeds)[order // prompts],
    }
    if judge.held_out:
        tensors["references"] = judge.references
    return KeptFeatures(tensors)


def _padded(rows: Tensor, count: int) -> Tensor:
    return torch.cat([rows, rows.new_zeros(count - len(rows), rows.shape[1])])
