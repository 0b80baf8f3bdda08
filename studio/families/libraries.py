"""How the libraries that build models are called: quietly, and with their errors in plain words.

Owns: what is kept off the terminal, and what counts as a broken file. Refuses to know: models.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from studio.core import memory
from studio.core.errors import FileError
from studio.core.text import lines


@contextmanager
def broken_as(what: str, where: Path, remedy: str) -> Iterator[None]:
    """Inside, whatever a library raises becomes a FileError; a full memory stays what it is."""
    try:
        yield
    except Exception as error:  # loaders raise nearly any type for a broken file
        if memory.is_full(error):
            raise
        said = lines(str(error).strip()) or [type(error).__name__]
        why = f"Reading it said: {said[0][:200]}"
        raise FileError(what, where=where, why=why, remedy=remedy) from error


@contextmanager
def quietly() -> Iterator[None]:
    """Keeps the loaders' progress bars and an optional library's complaint off the terminal."""
    # it reports kernels it would like to download; `doctor` says what it can do
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    shown = [
        switch
        for switch in (diffusers_logging, transformers_logging)
        if switch.is_progress_bar_enabled()
    ]
    try:
        for switch in shown:
            switch.disable_progress_bar()
        yield
    finally:
        for switch in shown:
            switch.enable_progress_bar()
