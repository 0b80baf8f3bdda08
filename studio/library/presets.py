"""Presets: one commented TOML per recipe.

Owns: reading them and making a complete `RunConfig` from preset, form, command line, or from what a
finished file says of its training.
Refuses to know: how anything is trained.

    [preset]                 what people see
    title = "LoRA on the starter"
    description = "…"
    family = "sd1"           the family it is made for
    base = "starter"         optional: only for this base

    method = "lora"          then any setting of RunConfig
    [train]
    steps = 300
    [options]                what only the method has
    rank = 8
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from studio import methods
from studio.core import text
from studio.core.errors import FileError, MissingError, SettingsError, StudioError
from studio.core.paths import PRESETS, is_file
from studio.core.text import path_of, printable
from studio.settings.training import RunConfig, Settings, nearest, override, setting

if TYPE_CHECKING:
    from studio.formats.recipe import Recipe


SHOOTOUT = "shootout-"
"""So begin the names of files in the folder of presets that are settings of a shootout."""


class PresetHead(Settings):
    """The `[preset]` table."""

    title: str = setting(help="What people see.")
    description: str = setting("", "One or two sentences.")
    family: str = setting("", "Family it is made for; empty fits any.")
    base: str = setting("", "Base it is made for; empty fits any of the family.")


@dataclass(frozen=True)
class PresetInfo:
    """One preset. `values` are settings of RunConfig that differ from the defaults."""

    name: str
    title: str
    method: str
    family: str
    base: str
    description: str
    values: dict[str, Any]


def all_presets(
    folder: Path = PRESETS, broken: list[StudioError] | None = None
) -> list[PresetInfo]:
    """Every shipped preset, by name. With `broken`, what is wrong with one is added there and the
    others are returned; without, it is raised."""
    found = []
    for path in _files(folder):
        try:
            found.append(read_preset(path))
        except StudioError as error:
            if broken is None:
                raise
            broken.append(error)
    return found


def find_preset(name: str, folder: Path = PRESETS) -> PresetInfo:
    """A preset by name, or by the path of a TOML file."""
    path = path_of(name)
    if path.suffix == ".toml" and is_file(path):
        return read_preset(path)
    if is_file(folder / f"{name}.toml") and path.name == name:
        return read_preset(folder / f"{name}.toml")
    known = [path.stem for path in _files(folder)]
    close = nearest(name, known)
    raise MissingError(
        f"There is no preset “{name}”",
        remedy=f"Did you mean “{close}”?" if close else "Known are " + ", ".join(known),
    )


def _files(folder: Path) -> list[Path]:
    """The presets in a folder, by name; settings of a shootout may lie beside them."""
    found = [path for path in folder.glob("*.toml") if not path.stem.startswith(SHOOTOUT)]
    return sorted(found, key=lambda path: path.stem)


def read_preset(path: Path) -> PresetInfo:
    """Reads and fully validates one preset; a misspelt key names the nearest right one."""
    values = read_toml(path)
    head = PresetHead.parse(values.pop("preset", {}), where=path.name)
    config = make_config(values, where=path.name)
    return PresetInfo(
        path.stem, head.title, config.method, head.family, head.base, head.description, values
    )


def make_config(
    values: Mapping[str, Any], assignments: list[str] | None = None, where: str | None = None
) -> RunConfig:
    """A complete configuration; the method's options are validated and filled in too."""
    config = RunConfig.parse(override(dict(values), assignments or []), where=where)
    options = methods.options_of(config)
    return config.model_copy(update={"options": options.model_dump()})


def config_from(
    preset: str | None,
    values: Mapping[str, Any] | None = None,
    assignments: list[str] | None = None,
) -> RunConfig:
    """Preset, then `values` over it, then `key=value` assignments over both."""
    start = find_preset(preset).values if preset else {}
    return make_config(merge(start, values or {}), assignments, where=preset)


@dataclass(frozen=True)
class Like:
    """The settings of a finished file, and what of it could not be taken over."""

    config: RunConfig
    notes: list[str]


def like_file(path: str | Path) -> Like:
    """Settings from a file's metadata: the studio's own, or kohya's `ss_*` keys.

    What it states and the studio does not have keeps its default and is named in `notes`. Raises
    MissingError, and FileError for a file that is broken or says nothing of its training.
    """
    from studio.formats import recipe, safetensors_file
    from studio.formats.sniff import sniff

    path = Path(path)
    header = safetensors_file.read_header(path) if sniff(path) == "safetensors" else None
    if header is not None and (values := recipe.own(header.metadata)) is not None:
        return _like(recipe.Recipe(_dotted(values)))
    found = recipe.of_kohya(header.metadata, list(header.tensors)) if header is not None else None
    if found is None:
        raise FileError(
            "This file does not say how it was trained",
            where=path,
            why="Its settings were left out for privacy, or another program wrote it"
            if header is not None
            else "Only .safetensors files carry their settings",
            remedy="Choose a LoRA made by kohya's scripts, or a .safetensors file of the studio.",
        )
    return _like(found)


def _like(found: Recipe) -> Like:
    """Takes over one setting after the other, so that an unknown one costs only itself."""
    values: dict[str, Any] = {}
    notes = [f"Not taken over: {what}." for what in found.left_out]
    for key, value in sorted(found.values.items(), key=lambda pair: pair[0] != "method"):
        tried = merge(values, _nested(key, value))
        try:
            make_config(tried)
        except SettingsError as error:
            notes.append(f"Not taken over: {key}, for {error.what[0].lower()}{error.what[1:]}.")
        else:
            values = tried
    return Like(make_config(values), notes)


def _nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _dotted(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _dotted(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dictionaries, `above` winning; another method's options are not carried over."""
    result = dict(below)
    if "method" in above and above["method"] != below.get("method", above["method"]):
        result.pop("options", None)
    for key, value in above.items():
        inner = result.get(key)
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            value = merge(inner, value)
        result[key] = value
    return result


def to_toml(config: RunConfig) -> str:
    """The complete configuration as TOML; what is unset is left out."""
    return tomli_w.dumps(_without_none(config.model_dump()))


def read_toml(path: Path) -> dict[str, Any]:
    """Reads a TOML file; raises FileError naming line and column."""
    try:
        return text.read_toml(path)
    except text.TextError as error:
        raise FileError(
            "This file is not valid TOML",
            where=printable(path.name),
            why=error.why,
            remedy=error.remedy or "Correct the line.",
        ) from None
    except OSError as error:
        raise MissingError("This file cannot be read", where=path, why=error.strerror) from None


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return value
