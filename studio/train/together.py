"""What the processes of one run do in common; a run of one process has nothing to agree on.

Owns: dealing out a batch, the mean of gradients and of loss terms, agreeing on commands and on the
time spent. Refuses to know: how the processes are started (`runs.processes`), who writes what.

`Together` is spoken by accelerate: gloo between CPUs, NCCL between GPUs. What the first process
wants is passed on through a key-value store and not through a collective: it may take its time
before a step (samples, a pause of hours), and the others wait without a limit. A collective has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, ParamSpec, Protocol, TypeVar

import torch
from torch import Tensor

from studio.train.state import Progress

T = TypeVar("T")
P = ParamSpec("P")
TIME_LIMIT = timedelta(minutes=10)
"""For one exchange of gradients: a process that is stuck, not dead, ends the run after it."""
LOOK = timedelta(seconds=20)
CHUNK = 1 << 24  # elements that are exchanged at once


class Commands(Protocol):
    """What the outside wants; read at step boundaries, `save` and `sample` cleared when done."""

    pause: bool
    stop: bool
    save: bool
    sample: bool


class Group(Protocol):
    """What the loop asks."""

    count: int
    rank: int

    def part(self, whole: Sequence[T]) -> Sequence[T]:
        """This process's own of what a step takes."""

    def average(self, parameters: Sequence[Tensor], terms: Tensor) -> None:
        """Gradients, and terms of the loss, become the mean over the processes."""

    def agree(self, progress: Progress) -> None:
        """From here on all know the same commands and the same time spent."""

    def commands(self, wanted: Commands) -> Commands:
        """What the loop is to read in place of what this process is told."""

    def afterwards(self, call: Callable[P, None]) -> Callable[P, None]:
        """`call`, which may take long or lead to commands, and then `agree` once more."""

    def begin(self, tensors: Sequence[Tensor]) -> None:
        """Everybody is ready, and what is trained is alike."""


class Alone:
    """One process."""

    count, rank = 1, 0

    def part(self, whole: Sequence[T]) -> Sequence[T]:
        """All of it."""
        return whole

    def average(self, parameters: Sequence[Tensor], terms: Tensor) -> None:
        """They are it."""

    def agree(self, progress: Progress) -> None:
        """With nobody."""

    def commands(self, wanted: Commands) -> Commands:
        """They are heard at once."""
        return wanted

    def afterwards(self, call: Callable[P, None]) -> Callable[P, None]:
        """Nobody has to hear of it."""
        return call

    def begin(self, tensors: Sequence[Tensor]) -> None:
        """Nobody to wait for."""


@dataclass
class Wishes:
    """Commands as all processes read them: what the first one wanted when they agreed."""

    pause: bool = False
    stop: bool = False
    save: bool = False
    sample: bool = False


NAMES = tuple(field.name for field in fields(Wishes))
ONCE = ("save", "sample")
"""Done once; the others hold until they are taken back."""


class Together:
    """One of several processes; made by all of them at once."""

    def __init__(self, on_cpu: bool) -> None:
        from accelerate import PartialState

        state = PartialState(cpu=on_cpu, timeout=TIME_LIMIT)
        self.count, self.rank = state.num_processes, state.process_index
        self.device = state.device
        self._wishes, self._asked = Wishes(), 0
        self._wanted: Commands = Wishes()
        self._progress = Progress()
        self._store = self._common_store()

    def part(self, whole: Sequence[T]) -> Sequence[T]:
        """The items of this process: a run of them, of the same number for each."""
        size = len(whole) // self.count
        return whole[self.rank * size : (self.rank + 1) * size]

    def average(self, parameters: Sequence[Tensor], terms: Tensor) -> None:
        """See `Group.average`. NaN of one process is NaN of all."""
        gradients = [tensor.grad for tensor in parameters if tensor.grad is not None]
        for some in _chunks([*gradients, terms]):
            joined = torch.cat([tensor.reshape(-1) for tensor in some])
            torch.distributed.all_reduce(joined)
            joined /= self.count
            for tensor, mean in zip(some, joined.split([t.numel() for t in some]), strict=True):
                tensor.copy_(mean.view_as(tensor))

    def agree(self, progress: Progress) -> None:
        """See `Group.agree`: the first process says, the others hear."""
        self._progress = progress
        self._asked += 1
        if self.rank == 0:
            flags = [bool(getattr(self._wanted, name)) for name in NAMES]
            for name in ONCE:  # taken over; what is wanted from now on is another
                setattr(self._wanted, name, False)
            self.say("agreed", f"{''.join('ny'[flag] for flag in flags)} {progress.seconds!r}")
        said, seconds = self.hear("agreed").split()
        progress.seconds = float(seconds)
        for name, flag in zip(NAMES, said, strict=True):
            waiting = name in ONCE and getattr(self._wishes, name)  # it could not be met yet
            setattr(self._wishes, name, waiting or flag == "y")

    def commands(self, wanted: Commands) -> Commands:
        """See `Group.commands`."""
        self._wanted = wanted
        return self._wishes

    def afterwards(self, call: Callable[P, None]) -> Callable[P, None]:
        """See `Group.afterwards`."""

        def called(*arguments: P.args, **options: P.kwargs) -> None:
            call(*arguments, **options)
            self.agree(self._progress)

        return called

    def begin(self, tensors: Sequence[Tensor]) -> None:
        """See `Group.begin`: the first process says that it is ready, and gives what it has."""
        if self.rank == 0:
            self.say("ready", "yes")
        for tensor in tensors:
            torch.distributed.broadcast(tensor.data, 0)

    def wait_for_the_first(self) -> None:
        """Returns when the first process has read everything and generated its class images."""
        self.hear("ready")

    def say(self, key: str, text: str) -> None:
        """The first process tells the others."""
        self._store.set(f"{key} {self._asked}", text)

    def hear(self, key: str) -> str:
        """What the first process tells, however long it takes; it ends when that process does."""
        while True:
            try:
                self._store.wait([f"{key} {self._asked}"], LOOK)
            except torch.distributed.DistStoreError:
                continue
            text: bytes = self._store.get(f"{key} {self._asked}")
            return text.decode()

    def end(self) -> None:
        """Takes leave of the others."""
        torch.distributed.destroy_process_group()

    def _common_store(self) -> Any:
        """A store of this run's own, kept by the first process."""
        port = torch.zeros(1, dtype=torch.int64, device=self.device)
        store = None
        if self.rank == 0:
            store = torch.distributed.TCPStore(
                "127.0.0.1", 0, is_master=True, wait_for_workers=False
            )
            port.fill_(store.port)
        torch.distributed.broadcast(port, 0)
        return store or torch.distributed.TCPStore("127.0.0.1", int(port), is_master=False)


def _chunks(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Neighbours of one precision, put together up to `CHUNK`; in the same way everywhere."""
    some: list[Tensor] = []
    for tensor in tensors:
        full = sum(one.numel() for one in some) + tensor.numel() > CHUNK
        if some and (full or tensor.dtype != some[0].dtype):
            yield some
            some = []
        some.append(tensor)
    if some:
        yield some
