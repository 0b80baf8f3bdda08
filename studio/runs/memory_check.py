"""Whether a run may keep its base in less memory as its settings ask for.

Owns: the words. Refuses to know: torch; whether a kind of weights works on the device is found out when
the base is loaded, or by measuring (`fit`).
"""

from __future__ import annotations

from studio import methods
from studio.core.device import has_gpu_driver
from studio.runs.findings import Preflight
from studio.settings.training import RunConfig

SETTINGS = ("base_weights", "stream_blocks", "offload_encoders")


def check_memory(result: Preflight, config: RunConfig) -> None:
    """Adds what makes no sense, and what saves nothing."""
    memory, method = config.memory, methods.find(config.method)
    if not memory.touches_base:
        return
    fields = type(memory).model_fields
    key = next(name for name in SETTINGS if getattr(memory, name) != fields[name].default)
    if method.product == "model":
        text = (
            f"{method.title} trains the base itself, so its weights cannot be kept in fewer bits or "
            "elsewhere. Leave “Memory of the base” as it was; the fused backward pass, 8-bit optimizers and "
            "gradient checkpointing save memory here."
        )
        result.error(text, f"memory.{key}")
    elif not method.optimized:
        text = f"{method.title} computes with CLIP alone: leave “Memory of the base” as it was."
        result.error(text, f"memory.{key}")
    elif config.train.channels_last == "on":
        text = "Channels last has no effect: this base's weights are kept in another way."
        result.warn(text, "train.channels_last")
    elif memory.stream_blocks and on_cpu(config):
        text = "Streaming blocks saves nothing on a CPU: the weights lie in main memory either way."
        result.warn(text, "memory.stream_blocks")


def on_cpu(config: RunConfig) -> bool:
    """Whether the run will compute on a CPU, as far as can be said without trying."""
    return config.device == "cpu" or (config.device == "auto" and not has_gpu_driver())
