"""Stable Diffusion 2.x: an OpenCLIP encoder cut off before its last layer; often v-prediction.

Owns: nothing but its row of facts. All else is as in 1.x: published folders hold the encoder
with 23 of its 24 layers, so the last layer that is there is the penultimate one.
"""

from __future__ import annotations

from studio.architectures.sd2 import SD2
from studio.families.sd1 import StableDiffusion1


class StableDiffusion2(StableDiffusion1):
    """SD 2.0 and 2.1, at 512 (ε) and 768 (v)."""

    architecture = SD2
