"""What is noted of a comparison when it begins: versions, the machine, how its files were trained.

Owns: finding it, in runs and in the files themselves. Refuses to know: how it is kept and shown
(`compare.origin`).
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import PurePath

from studio import __version__
from studio.compare.report.origin import Origin, Training
from studio.core.device import device_facts
from studio.core.errors import StudioError
from studio.core.names import path_of, printable
from studio.core.record import Table
from studio.library.library import Library
from studio.methods import METHODS
from studio.runs.folders import RunFolders
from studio.runs.history import NAMES, flat
from studio.settings.labels import labels_of
from studio.settings.training import RunConfig

Stacks = Sequence[Sequence[str]]
"""For each column the files on its stack that act."""
LIBRARIES = ("torch", "diffusers", "transformers")
_MACHINE = {"name": "Processor", "system": "System", "precision": "Precision", "threads": "Threads"}


def origin_of(stacks: Stacks, library: Library, runs: RunFolders) -> Origin:
    """Everything that can be found now."""
    return trainings_of(stacks, library, runs).changed(versions=versions(), machine=machine())


def trainings_of(stacks: Stacks, library: Library, runs: RunFolders) -> Origin:
    """How the files of each column were trained, as far as they or their runs say."""
    columns: dict[str, list[int]] = {}
    for place, paths in enumerate(stacks):
        for path in dict.fromkeys(paths):
            columns.setdefault(path, []).append(place)
    found, methods = [], set()
    for path, places in columns.items():
        if config := _config(path, library, runs):
            name = printable(path_of(path).stem)
            found.append(Training(name=name, columns=tuple(places), settings=_written(config)))
            methods.add(config.method)
    return Origin(trainings=tuple(found), labels=_labels(methods) if found else {})


def versions() -> dict[str, str]:
    """Those of the studio and of the libraries that make the images."""
    found = {"Concept Studio": __version__}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str]:
    """What generates, and on which system."""
    facts = device_facts()
    found = {label: str(facts[key]) for key, label in _MACHINE.items() if facts.get(key)}
    found["Memory"] = f"{facts['memory'] / 2**30:.0f} GiB"
    return found | {"Python": str(facts["python"])}


def _config(path: str, library: Library, runs: RunFolders) -> RunConfig | None:
    """The settings of the run that wrote a file, or those that it carries; None where neither is."""
    try:
        file = library.adapter_path(path)
        if run := library.notes.of(file).run:
            return runs.config(run)
    except StudioError:
        pass
    try:
        return library.config_like(path).config
    except (StudioError, OSError):
        return None


def _written(config: RunConfig) -> Table:
    return {
        key: _without_folders(value)
        for key, value in flat(config.model_dump()).items()
        if key not in NAMES
    }


def _without_folders(value: object) -> object:
    """A path of this machine by its last name: a report goes to others."""
    if isinstance(value, str) and PurePath(value).is_absolute():
        return PurePath(value).name
    return value


def _labels(methods: set[str]) -> dict[str, str]:
    labels = labels_of(RunConfig)
    for name in methods & METHODS.keys():
        labels |= labels_of(METHODS[name].Options, "options.")
    return labels
