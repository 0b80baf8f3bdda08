"""What is known of a run: its state, what happened in it, and the queue it waits in.

Owns: these records; keys are those of `state.json` and `events.jsonl`, which pages get as they are.
Refuses to know: when they are written (`events`), torch, pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from studio.core.record import Failure, Filed, Record, Table, renamed
from studio.runs.queue_record import Queue as Queue  # whoever reads states finds it here
from studio.settings.training import RunConfig

ACTIVE = ("queued", "preparing", "running", "paused", "stopping")
ENDED = ("finished", "stopped", "failed", "interrupted")


class Bucket(Record):
    """Images of one size."""

    width: int
    height: int
    items: int


class RunFacts(Record):
    """What a run will be, in numbers and names, before it starts."""

    images: int
    captioned: int
    held_out: int
    trigger: str
    class_word: str
    method: str
    """Its title."""
    base: str
    family: str
    """The base's title."""
    resolution: int
    """Pixels."""
    steps: int
    effective_batch: int
    """Images per optimizer step."""
    epochs: float | None
    """How often each image comes; None where the base does not tell the sizes of its buckets."""
    sample_prompts: tuple[str, ...]
    captions_each: tuple[int, int] | None = None  # fewest and most, where images have several
    class_images: int | None = None
    """Not set without prior preservation."""
    layers: int | None = None
    """Of the denoiser, where the method chooses among them."""


class RunState(Filed):
    """One run as it is now; the record of a folder that is no run has no `state`."""

    run: str = ""
    name: str = ""
    method: str = ""
    base: str = ""
    state: str = ""
    """One of ACTIVE or ENDED."""
    step: int = 0
    steps: int = 0
    epoch: int = 0
    place: int | None = None
    """In the queue; 1 is next."""
    created_at: float | None = None
    started_at: float | None = None
    updated_at: float | None = None
    finished_at: float | None = None
    seconds: float | None = None
    """Spent in steps."""
    speed: float | None = None
    """Steps per second."""
    eta: float | None = None
    """Seconds left."""
    peak_memory: int | None = None
    """Bytes."""
    last_checkpoint: int | None = None
    """Its step."""
    files: tuple[str, ...] = ()
    preparing: str | None = None
    """What it does before the first step."""
    prepared: tuple[int, int] | None = None
    """Done and all of what is counted there."""
    doing: str | None = None
    """What it does while it takes no steps: validation, samples, the writing of its file."""
    trained: dict[str, int] | None = None
    """Group → trainable parameters."""
    buckets: tuple[Bucket, ...] | None = None
    class_images: int | None = None
    reason: str | None = None
    remedy: str | None = None
    error: Failure | None = None
    accept_changes: bool | None = None
    """Whether a changed dataset is accepted at the next start."""
    kept: dict[str, list[str]] | None = None
    """File → SHA-256 of what this run has written under that name."""

    @classmethod
    def upgraded(cls, values: Table) -> Table:
        return renamed(values, class_pictures="class_images")

    @property
    def active(self) -> bool:
        """Whether it is queued or going on."""
        return self.state in ACTIVE

    @property
    def ended(self) -> bool:
        """Whether it is over, for now."""
        return self.state in ENDED

    def as_listed(self) -> ListedRun:
        """The few facts that a list of runs shows."""
        return ListedRun.model_construct(
            **{name: getattr(self, name) for name in ListedRun.model_fields}
        )


class ListedRun(Record):
    """A run as a line of a list; the fields are those of `RunState`."""

    run: str
    name: str
    method: str
    base: str
    state: str
    step: int
    steps: int
    seconds: float | None
    created_at: float | None
    started_at: float | None
    updated_at: float | None
    reason: str | None


class Event(Record):
    """Something that happened; of this class itself when its kind is not known here."""

    t: float = 0.0
    """When, in seconds since 1970."""
    kind: str = ""

    def as_json(self) -> Table:
        return {"t": self.t, "kind": self.kind, **super().as_json()}


class Step(Event):
    """One optimizer step."""

    kind: str = "step"
    step: int
    loss: float | None = None
    smoothed: float | None = None
    lr: float | None = None
    norm: float | None = None
    """Length of the gradient."""
    epoch: int | None = None
    prior: float | None = None
    """The part of the loss that class images have."""


class Validated(Event):
    """The fixed-noise losses of a step."""

    kind: str = "validation"
    step: int
    train: float
    held_out: float | None = None

    @classmethod
    def upgraded(cls, values: Table) -> Table:
        return {**values, "kind": "validation"}


class ImagesMeasured(Event):
    """What was learnt of each image is on disk."""

    kind: str = "image_losses"
    step: int
    file: str = ""
    """Relative to the run's folder."""


class Sampled(Event):
    """A row of samples is on disk; files are relative to the run's folder."""

    kind: str = "sample"
    step: int
    images: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    found: bool = False
    """Whether it was found again after the log had been lost."""

    @classmethod
    def upgraded(cls, values: Table) -> Table:
        return renamed(values, pictures="images")


class Saved(Event):
    """A checkpoint is complete."""

    kind: str = "saved"
    step: int
    folder: str = ""
    found: bool = False


class Judged(Event):
    """What a save scored for early stopping, one value per image of the fixed set."""

    kind: str = "judged"
    step: int
    likeness: tuple[float, ...] = ()
    """Mean cosine to the held-out images."""
    copies: tuple[float, ...] = ()
    """Cosine to the nearest training image."""
    best: int | None = None
    """The step to beat."""
    since: int = 0
    """Saves after it."""


class Message(Event):
    """A sentence for people."""

    kind: str = "message"
    level: str = "info"
    text: str = ""


class StateChanged(Event):
    """The run's state is another one."""

    kind: str = "state"
    state: str
    reason: str | None = None
    remedy: str | None = None


class Verification(Record):
    """What loading the written file as generating does has shown."""

    file: str = ""
    matched: int = 0
    unmatched: tuple[str, ...] = ()
    change: float | None = None
    """Mean difference that it makes to an image, of the range 0…1."""
    prompt: str = ""
    ok: bool = False


class Finished(Event):
    """The run's files are written and verified."""

    kind: str = "finished"
    step: int | None = None
    files: tuple[str, ...] = ()
    verify: Verification | None = None


_KINDS: dict[str, type[Event]] = {
    cls.model_fields["kind"].default: cls for cls in Event.__subclasses__()
}
_KINDS["probe"] = Validated
"""As earlier versions called it."""
E = TypeVar("E", bound=Event)


def read_event(value: object) -> Event:
    """One line of the log. ValueError when it is no event at all."""
    kind = value.get("kind") if isinstance(value, dict) else None
    try:
        return _KINDS.get(str(kind), Event).read(value)
    except ValueError:
        return Event.read(value)


def only(events: Iterable[Event], kind: type[E]) -> list[E]:
    """The events of one kind, in order."""
    return [event for event in events if isinstance(event, kind)]


@dataclass(frozen=True)
class RunView:
    """What a viewer sees of a run."""

    state: RunState
    config: RunConfig | None
    """None when it cannot be read: what happened can be seen all the same."""
    events: list[Event]
    next: int
    """Byte offset at which the next look goes on."""
