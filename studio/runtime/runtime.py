"""What is loaded once and shared: the base model, adapter files, the device's turn.

Owns: the one loaded base. Whoever uses it holds the lock. Refuses to know: runs and pages.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core import memory
from studio.core.errors import MemoryFullError
from studio.library.library import Library
from studio.runtime.device_lock import DeviceLock

if TYPE_CHECKING:
    from studio.adapters.cache import AdapterCache
    from studio.families.base import Base
    from studio.families.frozen import Frozen

log = logging.getLogger(__name__)


class Runtime:
    """Loads lazily; another base or device replaces the loaded one."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.lock = DeviceLock()
        self._base: Base | None = None
        self._key: tuple[object, ...] | None = None
        self._other_vae: tuple[Path, Base] | None = None
        self._cache: AdapterCache | None = None
        self._lock = threading.Lock()

    def base(
        self,
        name: str,
        device: str = "auto",
        precision: str = "auto",
        *,
        vae: str = "",
        channels_last: bool = False,
        said: Callable[[str], None] | None = None,
        frozen: Frozen | None = None,
    ) -> Base:
        """The loaded base, called while holding the lock; with `vae`, decoding by another one; with
        `channels_last`, a denoiser whose convolutions' weights lie that way.

        `said` hears how far a download is; `frozen` says how its weights are kept.
        """
        import torch

        from studio.core.device import pick_device, pick_dtype
        from studio.families import hub
        from studio.families.frozen import FULL
        from studio.families.loading import load_base, replaced_vae

        place = pick_device(device)
        path = self.library.base_path(name)
        other = self.library.vae_path(vae) if vae.strip() else None
        dtype, frozen = pick_dtype(place, precision), frozen or FULL
        key = (str(path), _stamp(path), str(place), str(dtype), channels_last, frozen)
        with self._lock:
            if self._base is None or self._key != key:
                # give the memory back before loading
                self._base, self._key, self._other_vae = None, None, None
                if isinstance(path, str):  # a hub id: no folder of that name is looked for again
                    path = hub.fetch(path, dtype != torch.float32, said)
                words = self.library.workspace.bases / "tokenizer"
                self._base = load_base(
                    path, device, precision, vocabulary=words, said=said, frozen=frozen
                )
                if channels_last:
                    layout: Any = torch.channels_last  # of convolutions; the rest stays as it is
                    self._base.denoiser.to(memory_format=layout)
                if hub.is_id(name):  # not what its folder in the hub's cache is called
                    self._base.name = name
                self._key = key
            if other is None:
                return self._base
            if self._other_vae is None or self._other_vae[0] != other:
                self._other_vae = None
                self._other_vae = (other, replaced_vae(self._base, other))
            return self._other_vae[1]

    @contextmanager
    def turn(self, name: str, work: memory.Work, safe: str | None = None) -> Iterator[None]:
        """The device's turn inside; Interrupted when the studio closes before it comes. When memory runs out, MemoryFullError says so in the words of
        `work`, and what was loaded is given back, so that the next piece of work can begin."""
        try:
            with memory.explained(work, safe), self.lock.hold(name, unless_closed=True):
                yield
        except MemoryFullError as error:
            error.safe = error.safe or safe
            log.warning("the memory was full while %s", name, exc_info=error)
            self.give_back(error)
            raise

    def unload(self) -> None:
        """Lets go of what is loaded, for whoever needs the memory elsewhere; called with the turn."""
        with self._lock:
            self._base = self._key = self._other_vae = self._cache = None
            memory.release()

    def give_back(self, error: BaseException) -> None:
        """Lets go of what a failure still holds, and of what is loaded and nobody else uses."""
        with self._lock:
            self._cache = self._other_vae = None
            memory.let_go(error)
            if self._base is None:
                return
            # A paused training continues with the same base: then it stays, for a second one would
            # need its memory once more.
            used, self._base = weakref.ref(self._base), None
            memory.release()
            self._base = used()
            if self._base is None:
                self._key = None

    def adapters(self) -> AdapterCache:
        """Adapter files that were read, kept for the next image."""
        from studio.adapters.cache import AdapterCache

        with self._lock:
            if self._cache is None:
                self._cache = AdapterCache()
            return self._cache


def _stamp(path: Path | str) -> tuple[int, int] | None:
    """What changes when a model is replaced by another of its name."""
    index = Path(path) / "model_index.json"
    try:
        status = (index if index.is_file() else Path(path)).stat()
    except OSError:  # from the hub
        return None
    return status.st_ino, status.st_mtime_ns
