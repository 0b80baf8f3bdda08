"""The file of a shootout: one shootout for each dataset that it names.

Owns: where the file and its folders are, and `data` as a list. Refuses to know: what a shootout is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.errors import MissingError, SettingsError
from studio.core.names import path_of, printable
from studio.core.paths import PRESETS, is_file, is_folder
from studio.core.record import Table
from studio.library import presets
from studio.settings.shootout import ShootoutSettings
from studio.settings.training import override

if TYPE_CHECKING:
    from studio.app import Studio


def read(studio: Studio, name: str, assignments: list[str]) -> list[ShootoutSettings]:
    """The shootouts of a file, with `key=value` assignments over its settings; the name of each ends
    with its dataset's where there are several. Folders that a person at this terminal names may be read;
    they are looked for from where the command is run, then from the file."""
    file = _found(name)
    values = override(presets.read_toml(file), assignments)
    data = values.get("data")
    datasets = data if isinstance(data, list) else [data]
    if isinstance(data, list) and (not data or not all(isinstance(one, str) for one in data)):
        raise SettingsError(
            "“data” is neither a dataset nor a list of datasets",
            where=file.name,
            remedy='Write data = "zibbo", or data = ["zibbo", "korvu"].',
        )
    found = []
    for dataset in datasets:
        own = {**values, "data": dataset} if data is not None else dict(values)
        for key in ("data", "reference"):
            _opened(studio, own, key, file.parent)
        settings = ShootoutSettings.parse(own, where=file.name)
        if len(datasets) > 1:
            title = f"{settings.name.strip()} · " if settings.name.strip() else ""
            called = f"{title}{path_of(settings.data).name}"[-80:]
            settings = settings.model_copy(update={"name": called})
        found.append(settings)
    return found


def _found(name: str) -> Path:
    file = path_of(name).expanduser()
    if not is_file(file) and is_file(PRESETS / file.name):
        file = PRESETS / file.name
    if not is_file(file):
        known = ", ".join(sorted(path.name for path in PRESETS.glob(f"{presets.SHOOTOUT}*.toml")))
        raise MissingError(
            "There is no such file of a shootout",
            where=name,
            remedy=f"With the studio come: {known}.",
        )
    return file


def _opened(studio: Studio, values: Table, key: str, beside: Path) -> None:
    """Makes the folder that a setting names absolute, and readable; leaves a dataset's name as it is."""
    named = values.get(key)
    if not isinstance(named, str) or not named.strip():
        return
    for folder in (path_of(named).expanduser(), beside / path_of(named)):
        if is_folder(folder):
            folder = folder.resolve()
            studio.workspace.open_folder(folder)
            values[key] = printable(folder)
            return
