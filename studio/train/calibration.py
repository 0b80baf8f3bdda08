"""Measuring the ways in which a step can be computed here, on the network that a run will train.

Owns: which ways there are on a device, how much of them is measured for how long a run. Refuses to know:
how a pass is measured (`measured_pass`), which way is best (`auto`), where it is remembered.

Measured is the run's own size where that is quick, otherwise fewer and smaller images: the same way wins
there (docs/performance.md). Random numbers are drawn from generators of their own.
"""

from __future__ import annotations

import time

import torch

from studio import methods
from studio.core import memory
from studio.core.device import attention_backends, device_facts, free_memory, pick_dtype
from studio.families.base import Base
from studio.settings.training import RunConfig
from studio.train.auto import Asked, Calibration, Precision, Timing, Way, decide, faster
from studio.train.measured_pass import Subject, in_precision

SHORT = 20.0  # seconds: a run that takes less is not worth measuring for
FEW = 50  # steps: so few are never measured for, however slow a busy machine makes them look
SHARE, LEAST, MOST = (
    0.01,
    0.8,
    20.0,
)  # of what a run takes is spent on measuring; seconds, at least and at most
PASSES = 9  # about as many are made at least
CHEAP = 0.5  # seconds: a pass that takes no longer is measured at the run's own size beforehand
ROUNDS = (2, 9)  # fewest and most of the ways that are not far behind
HOPELESS = 1.25  # times as slow as the fastest of the first round: not measured further
NAMES: dict[torch.dtype, Precision] = {
    torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16",
}  # fmt: skip


class ShortRun(Exception):
    """The run is over before measuring has paid for itself; `seconds` are what it will about take."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def calibrate(base: Base, config: RunConfig, asked: Asked, key: str = "") -> Calibration:
    """Measures what a complete configuration leaves to Auto. Raises ShortRun where it would not pay.

    `base` is loaded in its usual precision; a copy is made for another one where memory has room.
    """
    began = time.perf_counter()
    trial = _Trial(base, config, asked)
    try:
        with torch.random.fork_rng([base.device] if base.device.type == "cuda" else []):
            timings = trial.timings(ways(base, config))
    finally:
        trial.subjects.clear()
        memory.release()
    facts = device_facts(base.device)
    return Calibration(
        key=key,
        device=str(facts["name"]),
        threads=int(facts["threads"]),
        torch=str(facts["torch"]),
        method=config.method,
        base=base.name,
        resolution=asked.resolution,
        side=trial.side,
        batch=trial.batch,
        measured_at=round(time.time(), 3),
        took=round(time.perf_counter() - began, 2),
        added=trial.added,
        timings=tuple(timings),
        untried=trial.untried,
    )


def ways(base: Base, config: RunConfig) -> list[Way]:
    """The ways worth trying on the base's device, its usual one first; each layout comes on top.

    fp16 is not tried where it is not usual: without a scaler its gradients vanish. A GPU's usual
    precision is its fast one, so there only kernels and layouts are tried.
    """
    own, device = NAMES[base.dtype], base.device
    xformers = attention_backends(device)["xformers"].works
    found = [Way(precision=own, attention="xformers" if xformers else "sdpa")]
    if xformers:
        found.append(Way(precision=own, attention="sdpa"))
    if device.type != "cpu" or (own == "fp32" and config.precision != "auto"):
        return found
    replaceable = hasattr(base.denoiser, "attn_processors")
    kernels = ["sdpa", "sdpa-fp32"] if replaceable else ["sdpa"]
    if own != "fp32":
        return [*found, *(Way(precision=own, attention=kernel) for kernel in kernels[1:])]
    return [*found, *(Way(precision="bf16", attention=kernel) for kernel in kernels)]


class _Trial:
    """One calibration while it lasts."""

    def __init__(self, base: Base, config: RunConfig, asked: Asked) -> None:
        self.base, self.config, self.asked = base, config, asked
        self.own = NAMES[base.dtype]
        self.untried = ""
        self.batch, self.side = asked.batch, asked.resolution
        self.subjects = {self.own: Subject(base, config)}
        self.added = self._added()
        self.kept: dict[Way, int] = {}

    def timings(self, tried: list[Way]) -> list[Timing]:
        """Seconds of every way, and at last of the fastest with its channels last."""
        budget = self._sized(tried[0])
        room = self._make_copies(tried)
        tried = [way for way in tried if room or way.precision == self.own]
        began = time.perf_counter()
        found = self._in_turn(tried, began + budget * 2 / 3)
        best = max(found, key=lambda one: faster(one, found[0])).way
        if self.base.device.type in ("cpu", "cuda"):
            last = best.changed(channels_last=True)
            again, last_found = self._in_turn([tried[0], last], began + budget, fewest=1)
            usual = again.changed(seconds=again.seconds + found[0].seconds)
            found = [usual, *found[1:], last_found]
        return self._with_less_memory(found)

    def _in_turn(self, tried: list[Way], deadline: float, fewest: int = ROUNDS[0]) -> list[Timing]:
        """Rounds whose order alternates, after a pass of each that does not count; what the first round
        shows to be far behind is left out of the others. The first way is in every round."""
        size = self.batch, self.side
        for way in tried:
            if way not in self.kept:
                self.kept[way] = self.subjects[way.precision].kept(way, *size)
        seconds: dict[Way, list[float]] = {way: [] for way in tried}
        left = list(tried)
        for number in range(ROUNDS[1]):
            if number >= fewest and time.perf_counter() > deadline:
                break
            for way in left[:: 1 if number % 2 else -1]:
                seconds[way].append(self.subjects[way.precision].seconds(way, *size))
            if number == 0:
                least = HOPELESS * min(values[0] for values in seconds.values())
                left = [way for way in left if way == tried[0] or seconds[way][0] < least]
        return [
            Timing(
                way=way,
                seconds=tuple(round(value, 5) for value in seconds[way]),
                weights=self.subjects[way.precision].weights,
                kept=self.kept[way],
            )
            for way in tried
        ]

    def _sized(self, usual: Way) -> float:
        """Sets side and batch so that measuring takes its share of the run; returns that in seconds."""
        sizes = _sizes(self.asked, self.base.size_multiple)
        subject, known = self.subjects[usual.precision], sizes[-1]
        subject.seconds(usual, *known)
        least = subject.seconds(usual, *known)

        def cost(size: tuple[int, int]) -> float:
            return least * size[0] / known[0] * (size[1] / known[1]) ** 2

        while quick := [size for size in sizes[: sizes.index(known)] if cost(size) < CHEAP]:
            known, least = quick[0], subject.seconds(usual, *quick[0])
        train = self.config.train
        passes = train.gradient_accumulation * (2 if self.config.prior.weight else 1)
        run = train.steps * passes * cost(sizes[0])
        if run < SHORT or train.steps < FEW:
            raise ShortRun(run)
        budget = min(MOST, max(LEAST, SHARE * run))
        within = [size for size in sizes if PASSES * cost(size) <= budget]
        self.batch, self.side = within[0] if within else sizes[-1]
        return budget

    def _make_copies(self, tried: list[Way]) -> bool:
        """The network in the other precisions; False where memory has no room for one."""
        for precision in dict.fromkeys(way.precision for way in tried):
            if precision in self.subjects:
                continue
            dtype = pick_dtype(self.base.device, precision)
            parts = self.base.components().values()
            more = sum(p.numel() for part in parts for p in part.parameters()) * dtype.itemsize
            room = free_memory(self.base.device)
            if room is not None and room < 2 * more:
                self.untried = f"too little memory is free to try {precision} beside {self.own}"
                return False
            self.subjects[precision] = Subject(in_precision(self.base, dtype), self.config)
        return True

    def _added(self) -> int:
        """Bytes of what training adds to the base: weights, gradients, moments."""
        trainable = self.subjects[self.own].trainable
        if trainable is not None:
            return 4 * sum(one.nbytes for group in trainable.groups for one in group.parameters)
        each = methods.find(self.config.method).bytes_per_parameter(self.config) or 0
        return round(each * sum(one.numel() for one in self.base.denoiser.parameters()))

    def _with_less_memory(self, timings: list[Timing]) -> list[Timing]:
        """The same, and where memory is short what is kept with gradient checkpointing."""
        found = Calibration(
            side=self.side, batch=self.batch, added=self.added, timings=tuple(timings)
        )
        choice = decide(found, self.asked, memory_at_hand(self.base))
        short = choice is not None and (choice.checkpointing or choice.parts > 1)
        if not short or not hasattr(self.base.denoiser, "enable_gradient_checkpointing"):
            return timings
        best = max(timings, key=lambda one: faster(one, timings[0]))
        less = self.subjects[best.way.precision].kept(best.way, self.batch, self.side, less=True)
        share = less / max(1, best.kept)
        return [one.changed(checkpointed=round(share * one.kept)) for one in timings]


def memory_at_hand(base: Base) -> int | None:
    """Bytes that a run on this base may use, those of the loaded base among them."""
    room = free_memory(base.device)
    parts = [*base.components().values(), base.vae]
    held = sum(tensor.nbytes for part in parts for tensor in part.parameters())
    return None if room is None else room + held


def _sizes(asked: Asked, multiple: int) -> list[tuple[int, int]]:
    """(batch, side): the run's own, then fewer images, then smaller ones."""
    batch, side = asked.batch, asked.resolution
    sizes = [(batch, side)]
    while batch > 1:
        batch = batch * 2 // 3 if batch > 2 else 1
        sizes.append((batch, side))
    for share in (2, 4):
        smaller = max(2 * multiple, side // share // multiple * multiple)
        if smaller < sizes[-1][1]:
            sizes.append((1, smaller))
    return sizes
