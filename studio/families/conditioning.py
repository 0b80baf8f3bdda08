"""What a denoiser gets beside latents and timestep: encoded text, and where an image was cropped.

Shapes: B images · T text positions (CLIP: 77 per chunk) · D text width · P pooled width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Conditioning:
    """Encoded text: `embeds` [B, T, D] and, where the family has one, `pooled` [B, P].

    `mask` [B, T], bool, is True where there is text; None means everywhere: CLIP's chunks of 77
    are read whole. `corner` [B, 2] is (top, left) in pixels where an image was cropped, for
    families that are told it; None means at its own corner.
    """

    embeds: Tensor
    pooled: Tensor | None = None
    corner: Tensor | None = None
    mask: Tensor | None = None

    @property
    def bytes(self) -> int:
        """How much memory it takes."""
        parts = (self.embeds, self.pooled, self.corner, self.mask)
        return sum(part.numel() * part.element_size() for part in parts if part is not None)

    def select(self, index: Tensor | Sequence[int]) -> Conditioning:
        """The rows of `index`."""
        rows = torch.as_tensor(index, device=self.embeds.device)
        return Conditioning(
            self.embeds[rows],
            self.pooled[rows] if self.pooled is not None else None,
            self.corner[rows] if self.corner is not None else None,
            self.mask[rows] if self.mask is not None else None,
        )

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Conditioning:
        """The same on another device or in another precision."""
        return Conditioning(
            self.embeds.to(device, dtype),
            self.pooled.to(device, dtype) if self.pooled is not None else None,
            self.corner.to(device) if self.corner is not None else None,
            self.mask.to(device) if self.mask is not None else None,
        )

    def plus(self, other: Conditioning) -> Conditioning:
        """The sum, row by row, in this one's precision, with this one's mask."""
        pooled = self.pooled
        if pooled is not None and other.pooled is not None:
            pooled = (pooled.float() + other.pooled).to(pooled.dtype)
        embeds = (self.embeds.float() + other.embeds).to(self.embeds.dtype)
        return Conditioning(embeds, pooled, mask=self.mask)

    @staticmethod
    def join(parts: Sequence[Conditioning]) -> Conditioning:
        """Stacks several along B. Shorter ones are padded: with a mask by zeros that the mask
        leaves out, without one (chunks of 77) by repeating their last chunk.

        Corners are not joined: they belong to images, not to texts.
        """
        longest = max(part.embeds.shape[1] for part in parts)
        masks = [part.mask for part in parts if part.mask is not None]
        if masks:
            missing = [longest - part.embeds.shape[1] for part in parts]
            embeds = [
                functional.pad(part.embeds, (0, 0, 0, more))
                for part, more in zip(parts, missing, strict=True)
            ]
            masks = [
                functional.pad(mask, (0, more)) for mask, more in zip(masks, missing, strict=True)
            ]
        else:
            embeds = []
            for part in parts:
                rows = part.embeds
                while rows.shape[1] < longest:
                    rows = torch.cat([rows, part.embeds[:, -77:]], dim=1)
                embeds.append(rows)
        pooled = [part.pooled for part in parts if part.pooled is not None]
        return Conditioning(
            torch.cat(embeds),
            torch.cat(pooled) if pooled else None,
            mask=torch.cat(masks) if masks else None,
        )
