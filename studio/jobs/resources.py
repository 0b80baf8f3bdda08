"""What is loaded once and shared: the base model, adapter files, the device's turn.

Owns: the one loaded base. Whoever uses it holds the slot. Refuses to know: runs and pages.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from studio.jobs.library import Library
from studio.jobs.slot import DeviceSlot

if TYPE_CHECKING:
    from studio.adapters.cache import AdapterCache
    from studio.families.base import Base


class Resources:
    """Loads lazily; another base or device replaces the loaded one."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.slot = DeviceSlot()
        self._base: Base | None = None
        self._key: tuple[str, str, str] | None = None
        self._cache: AdapterCache | None = None
        self._lock = threading.Lock()

    def base(self, name: str, device: str = "auto", precision: str = "auto") -> Base:
        """The loaded base; called while holding the slot."""
        from studio.device import pick_device, pick_dtype
        from studio.families.loading import load_base

        place = pick_device(device)
        path = self.library.base_path(name)
        key = (str(path), str(place), str(pick_dtype(place, precision)))
        with self._lock:
            if self._base is None or self._key != key:
                self._base, self._key = None, None  # give the memory back before loading
                self._base, self._key = load_base(path, device, precision), key
            return self._base

    def adapters(self) -> AdapterCache:
        """Adapter files that were read, kept for the next picture."""
        from studio.adapters.cache import AdapterCache

        with self._lock:
            if self._cache is None:
                self._cache = AdapterCache()
            return self._cache

    def clip_folder(self, name: str) -> Path | None:
        """The full CLIP beside the base, where there is one."""
        folder = Path(self.library.base_path(name)) / "clip"
        return folder if folder.is_dir() else None
