"""What encoding a text costs beside a step of training, and beside reading it from a disk.

    python studio.py bench encoded_texts [--steps N] [--json]

The text encoder and the U-Net have the shapes of SD 1.5 and random weights; a step is forward and backward
at 512 px, batch 1, fp32, one thread of a CPU. It decides where encoded texts are kept
(studio/train/cache.py): results go to benchmarks/results/encoded_texts.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from studio.core import atomic  # noqa: E402
from studio.core.device import processor_name  # noqa: E402
from studio.formats import safetensors_file  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "encoded_texts.json"


def main() -> int:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=1, help="measured steps (default 1)")
    parser.add_argument("--json", action="store_true", help="print the record alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    texts, step = _texts(), _step(arguments.steps)
    found = {
        "processor": processor_name(),
        **texts,
        "step": step,
        "share_of_a_step": texts["encode"] / step,
    }
    atomic.write_json(RESULT, found)
    print(json.dumps(found, indent=2) if arguments.json else f"{found}\nwritten: {RESULT}")
    return 0


def _texts() -> dict[str, float]:
    encoder = CLIPTextModel(
        CLIPTextConfig(
            hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12
        )
    ).eval()
    tokens = torch.randint(0, 49_000, (1, 77))
    with torch.no_grad():
        embeds = encoder(tokens).last_hidden_state.contiguous()
        encode = _median(lambda: encoder(tokens), 5)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "text.safetensors"
        write = _median(lambda: safetensors_file.write(file, {"embeds": embeds}, {}), 20)
        read = _median(lambda: safetensors_file.read_tensors(file), 20)
        size = file.stat().st_size
    return {"encode": encode, "read": read, "write": write, "bytes": size}


def _step(count: int) -> float:
    unet = UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8, sample_size=64)
    unet.requires_grad_(False)
    latents = torch.randn(1, 4, 64, 64, requires_grad=True)
    text, time_step = torch.randn(1, 77, 768), torch.tensor([500])
    return _median(lambda: unet(latents, time_step, text).sample.sum().backward(), count)


def _median(work: Callable[[], object], count: int) -> float:
    seconds = []
    for _ in range(count):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


if __name__ == "__main__":
    sys.exit(main())
