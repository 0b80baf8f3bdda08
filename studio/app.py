"""The application object: everything the page and the command line ask for.

Owns: `Studio`, which holds one of each service; there is no module-level state.
Refuses to know: Gradio and argparse. Importing it loads no torch.
"""

from __future__ import annotations

import threading

from studio.core.paths import Workspace
from studio.generation.service import Generation
from studio.library.library import Library
from studio.runs.training import Runs
from studio.runtime.runtime import Runtime


class Studio:
    """One workspace, one device, one loaded base, any number of viewers."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.library = Library(workspace)
        """Bases, datasets, captions, adapter files, saved stacks."""
        self.runtime = Runtime(self.library)
        """What is loaded, and whose turn it is on the device."""
        self.runs = Runs(self.runtime)
        """Training."""
        self.generation = Generation(self.runtime, self.runs)
        """Images, grids, comparisons and generated captions."""
        self.ready = threading.Event()
        """Set once the heavy libraries are loaded."""
        self.library.tidying.start()

    def warm_up(self) -> None:
        """Loads the heavy libraries; called on a thread after the page is served."""
        import studio.infer.engine
        import studio.runs.worker  # noqa: F401

        self.ready.set()

    def close(self, timeout: float = 120.0) -> None:
        """Stops and saves what is going on, for at most `timeout` seconds."""
        self.runtime.lock.close()
        self.generation.shootouts.close()
        self.runs.close(timeout)
        self.library.tidying.close()
