"""Makes the starter model from nothing: `python -m studio.starter.build --stage all …`.

Owns the order of the stages. Each stage resumes from the state folder, which should lie outside
the work tree; the export writes a diffusers folder that loads like any other base model.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

STAGES = ("tokenizer", "vae", "clip", "classifier", "captioner", "unet", "export")


def run_stage(stage: str, chosen: argparse.Namespace) -> None:
    """Runs one stage to its end (or resumes it) as the command line says."""
    state: Path = chosen.state
    if stage == "tokenizer":
        from studio.starter.tokenizer import make_tokenizer

        make_tokenizer(state / "tokenizer")
        return
    if stage == "export":
        from studio.starter.export import export

        export(state, chosen.out)
        return
    if stage == "vae":
        from studio.starter.train_vae import SCHEDULE
        from studio.starter.train_vae import train_vae as run
    elif stage == "clip":
        from studio.starter.train_clip import SCHEDULE
        from studio.starter.train_clip import train_clip as run
    elif stage == "unet":
        from studio.starter.train_unet import SCHEDULE
        from studio.starter.train_unet import train_unet as run
    elif stage == "classifier":
        from studio.starter.train_classifier import SCHEDULE
        from studio.starter.train_classifier import train_classifier as run
    else:
        from studio.starter.train_captioner import SCHEDULE
        from studio.starter.train_captioner import train_captioner as run
    if chosen.again:
        from studio.starter.training import begin_again

        begin_again(state, stage)
    schedule = replace(
        SCHEDULE,
        steps=chosen.steps or SCHEDULE.steps,
        minutes=chosen.minutes,
        peak=chosen.peak or SCHEDULE.peak,
    )
    run(state, schedule, chosen.device)


def main(arguments: list[str] | None = None) -> int:
    """Command line of the build."""
    parser = argparse.ArgumentParser(prog="python -m studio.starter.build", description=__doc__)
    parser.add_argument("--stage", choices=("all", *STAGES), default="all")
    parser.add_argument("--state", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument("--out", type=Path, default=Path("assets/starter"))
    parser.add_argument("--steps", type=int, help="length of the stage's schedule")
    parser.add_argument("--minutes", type=float, help="length of the schedule by the clock instead")
    parser.add_argument("--peak", type=float, help="the schedule's highest learning rate")
    parser.add_argument(
        "--again",
        action="store_true",
        help="give a stage that has run another schedule, from where it stands",
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(chosen.threads)
    chosen.state.mkdir(parents=True, exist_ok=True)
    for stage in STAGES if chosen.stage == "all" else (chosen.stage,):
        print(f"== {stage}", flush=True)
        run_stage(stage, chosen)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
