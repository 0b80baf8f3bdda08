"""How a training run keeps the base it does not change: the settings that trade time or exactness for memory.

Owns: the class. Refuses to know: how it is done (`studio.families.frozen`), which of it fits a machine
(`studio.runs.fit`).
"""

from __future__ import annotations

from typing import Literal

from studio.settings.base import Settings, setting

BaseWeights = Literal["full", "int8", "fp8", "nf4"]


class MemorySettings(Settings):
    """The frozen base in less memory."""

    offload_encoders: bool = setting(
        False, "Keep text encoders and VAE off the device, in main memory (on a CPU in a file on disk), and "
        "use them from there. Training is the same, bit for bit.", advanced=True,
    )  # fmt: skip
    stream_blocks: bool = setting(
        False, "Keep the denoiser's weights in main memory and upload them block by block, each ahead of its "
        "use. Training is the same, bit for bit, and slower. For a GPU.", advanced=True,
    )  # fmt: skip
    base_weights: BaseWeights = setting(
        "full", "Bits per weight of the frozen base: as they are, 8 (int8, fp8) or 4 (nf4). The adapter is "
        "trained on a slightly different base; “Find what fits” measures how much that costs.",
        label="Base weights", advanced=True,
    )  # fmt: skip
    limit: float = setting(
        0.0, "Memory that “Find what fits” may use; 0 takes what the device has.",
        label="Memory limit", unit="GB", ge=0, le=10_000, advanced=True,
    )  # fmt: skip

    @property
    def touches_base(self) -> bool:
        """Whether the base is kept in any other way than as it is loaded."""
        return self.offload_encoders or self.stream_blocks or self.base_weights != "full"
