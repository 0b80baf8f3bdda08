"""What a run has learnt of each image: the record in its folder, and which images it never learnt.

Owns: `image-losses/step-000250.json`, the two figures that are made of the errors, and their order.
Refuses to know: torch, how errors are measured (`studio.train.image_losses`), pages.

*Learnt*: by how much the loss with the image's own caption fell below that of the untrained base.
*Worth of the caption*: by how much the loss is lower with it than with captions of other images, where
there is much noise. An image whose caption is another one's is learnt too, by heart, and often most
of all; but its caption predicts it no better than any other does. So the worth, and not what was
learnt, puts mislabelled images last (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median

from studio.core import atomic
from studio.core.names import printable
from studio.core.paths import entries
from studio.core.record import Filed, Record, readable
from studio.core.text import read_json

FOLDER = "image-losses"
FEWEST = 6  # images below which nothing is said to be out of the ordinary
NEVER = 0.35  # of the set's middle: below it the caption tells no more than that of another image
FAR = 4  # times the usual distance from the middle: where captions tell little, none is out of the ordinary
TELLING = 0.5  # from this share of all timesteps on, captions decide what is predicted


class LearntRow(Record):
    """One image of a run's dataset at one step."""

    file: str
    """Relative to the dataset's folder."""
    caption: str = ""
    """As it was trained with."""
    base: tuple[float, ...] = ()
    """Squared errors of the untrained base, one for each of the measurement's timesteps."""
    own: tuple[float, ...] = ()
    """The same of what was trained."""
    others: tuple[float, ...] | None = None
    """Of what was trained with captions of other images, on average; not set where all are alike."""

    @property
    def learnt(self) -> float:
        """Share of the base's loss that is gone."""
        return _less(self.own, self.base)


class ImageLossRecord(Filed):
    """One measurement of a run."""

    run: str = ""
    name: str = ""
    step: int = 0
    seed: int = 0
    timesteps: tuple[float, ...] = ()
    """As shares of all."""
    images: int = 0
    """That the dataset has; more than there are `rows` where only some were measured."""
    rows: tuple[LearntRow, ...] = ()

    @classmethod
    def read(cls, value: object) -> ImageLossRecord:
        rows = value.get("rows") if isinstance(value, dict) else None
        found = super().read({**value, "rows": ()} if isinstance(value, dict) else value)
        return found.changed(
            rows=tuple(readable(LearntRow, rows if isinstance(rows, list) else ()))
        )

    def ordered(self) -> list[LearntRow]:
        """Rows with the image that is probably mislabelled first: by what their caption is worth, or
        by what was learnt where captions are all alike."""

        def rank(row: LearntRow) -> float:
            worth = self.worth(row)
            return row.learnt if worth is None else worth

        return sorted(self.rows, key=lambda row: (rank(row), row.file))

    def worth(self, row: LearntRow) -> float | None:
        """Share of the loss that an image's own caption takes away, against captions of other images;
        None where all captions are alike."""
        if row.others is None:
            return None
        telling = [k for k, share in enumerate(self.timesteps[: len(row.own)]) if share >= TELLING]
        chosen = telling or range(len(row.own))
        return _less([row.own[k] for k in chosen], [row.others[k] for k in chosen])

    def never(self) -> list[LearntRow]:
        """Images whose caption tells the model no more about them than another image's would."""
        known = [(row, worth) for row in self.ordered() if (worth := self.worth(row)) is not None]
        if len(known) < FEWEST:
            return []
        middle = median(worth for _, worth in known)
        spread = median(abs(worth - middle) for _, worth in known)
        limit = min(NEVER * middle, middle - FAR * spread)
        return [row for row, worth in known if middle > 0 and worth < limit]

    def as_shown(self) -> dict[str, object]:
        """For pages and JSON output: figures instead of errors, the least learnt first."""
        never = {row.file for row in self.never()}
        return {
            "run": self.run,
            "name": self.name,
            "step": self.step,
            "images": self.images,
            "measured": len(self.rows),
            "rows": [
                {
                    "file": row.file,
                    "caption": row.caption,
                    "learnt": round(row.learnt, 4),
                    "worth": None if (worth := self.worth(row)) is None else round(worth, 4),
                    "never": row.file in never,
                }
                for row in self.ordered()
            ],
        }


def _less(now: Sequence[float], before: Sequence[float]) -> float:
    """By which share `now` is below `before`, on average over timesteps: each counts alike."""
    shares = [1 - a / b for a, b in zip(now, before, strict=False) if b > 0]
    return mean(shares) if shares else 0.0


def write(run: Path, record: ImageLossRecord) -> str:
    """Puts a measurement into a run's folder; returns its file relative to that."""
    path = run / FOLDER / f"step-{record.step:06d}.json"
    atomic.write_json(path, record.as_json())
    return path.relative_to(run).as_posix()


def steps(run: Path) -> list[int]:
    """The steps of a run that were measured, in order."""
    names = (
        path.stem.removeprefix("step-") for path in entries(run / FOLDER) if path.suffix == ".json"
    )
    return sorted(int(name) for name in names if name.isdecimal())


def read(run: Path, step: int | None = None) -> ImageLossRecord | None:
    """A measurement of a run, the newest without a `step`; None where there is none that can be read."""
    for one in [step] if step is not None else reversed(steps(run)):
        try:
            return ImageLossRecord.read(read_json(run / FOLDER / f"step-{one:06d}.json"))
        except (OSError, ValueError):
            continue
    return None


def file_name(path: Path, dataset: Path) -> str:
    """An image as the record names it."""
    inside = path.relative_to(dataset) if path.is_relative_to(dataset) else path
    return printable(inside.as_posix())
