"""Steps of a tiny LoRA in a group of processes: what one of them computes and which items it takes.

    RANK=… WORLD_SIZE=… python -m tests.runs.together BASE IMAGES OUT BATCH [SPOILED]

A group of one takes the loop's usual way. `SPOILED` is the rank whose third step sees NaN.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from studio.core.errors import NonFiniteError
from studio.families.loading import load_base
from studio.formats.safetensors_file import write
from studio.train.data import Item
from studio.train.loop import Trainer
from studio.train.objective import Batch
from studio.train.state import Progress
from studio.train.together import Alone, Group, Together
from tests.matrix.conftest import make_trainer

STEPS = 3
QUIET = ("options.dropout=0", "options.text_encoder=false", "train.gradient_accumulation=2")


def main(base: str, images: str, out: str, batch: str, spoiled: str = "") -> None:
    count, rank = int(os.environ["WORLD_SIZE"]), int(os.environ["RANK"])
    group: Group = Together(on_cpu=True) if count > 1 else Alone()
    place = Path(out) / str(rank)
    trainer: Trainer = make_trainer(
        load_base(base, "cpu", "fp32"),
        "lora",
        Path(images),
        place,
        *QUIET,
        f"train.batch_size={batch}",
    )
    trainer.group = group
    trainer.__post_init__()  # the plan of a group's batch
    seen: list[list[str]] = []
    gradients: dict[str, torch.Tensor] = {}
    terms: list[float] = []
    one_step = trainer.optimizer.step

    def step(*arguments: Any) -> Any:
        number = len(terms) + 1
        for index, tensor in enumerate(trainer.parameters):
            if tensor.grad is not None:
                gradients[f"{number}.{index}"] = tensor.grad.clone()
        return one_step(*arguments)

    trainer.optimizer.step = step
    of = trainer.batches.of

    def noted(items: list[Item], captions: list[str]) -> Batch:
        seen.append([item.path.name for item in items])
        return of(items, captions)

    trainer.batches.of = noted  # type: ignore[method-assign]
    group.begin(trainer.parameters)
    said = ""
    for number in range(1, STEPS + 1):
        group.agree(Progress())
        if spoiled == str(rank) and number == STEPS:
            trainer.trainable.extra_loss = lambda: torch.tensor(float("nan"))  # type: ignore[method-assign]
        try:
            terms.append(trainer.one_step(number).loss)
        except NonFiniteError as error:
            said = str(error)
    write(place / "gradients.safetensors", gradients, {})
    (place / "found.json").write_text(json.dumps({"seen": seen, "terms": terms, "said": said}))


if __name__ == "__main__":
    main(*sys.argv[1:])
