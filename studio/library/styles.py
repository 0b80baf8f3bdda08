"""Styles: prompts that are kept under a name, to be put around or behind what one writes.

Owns: the files in the workspace's `styles/`, and what a style makes of a prompt. Refuses to know: the
page.

A style is a TOML file with `prompt` and `negative_prompt`. `{prompt}` in it is the place of what was
written; a style without it is put behind, after a comma. A web UI's `styles.csv` in the same folder
is read too (its columns are `name`, `prompt`, `negative_prompt`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from studio.core import atomic, text
from studio.core.errors import FileError, InputError, MissingError
from studio.core.names import printable
from studio.core.paths import Workspace, entries, slug
from studio.library.presets import read_toml
from studio.settings.base import Settings, nearest, setting
from studio.settings.generation import GenerateSettings

PLACE = "{prompt}"
ENDING = ".toml"


class StyleText(Settings):
    """What the file of a style holds."""

    name: str = setting("", "Name; empty takes the file's.", max_length=80)
    prompt: str = setting("", "With {prompt} where the prompt goes.", max_length=5000)
    negative_prompt: str = setting("", "The same for the negative prompt.", max_length=5000)


@dataclass(frozen=True)
class Style:
    """A style, and the file that holds it."""

    name: str
    prompt: str
    negative_prompt: str
    path: Path


class Styles:
    """The styles of a workspace, looked up anew each time."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def all(self, broken: list[FileError] | None = None) -> list[Style]:
        """Every style by name; those that cannot be read are left out, and told in `broken`."""
        found: dict[str, Style] = {}
        for path in sorted(entries(self.workspace.styles), key=lambda path: path.name):
            try:
                styles = list(_read(path))
            except (FileError, InputError, MissingError) as error:
                if broken is not None:
                    broken.append(FileError(error.what, where=path.name, why=error.why))
                continue
            for style in styles:
                found.setdefault(style.name, style)
        return sorted(found.values(), key=lambda style: style.name.lower())

    def one(self, name: str) -> Style:
        """A style by its name; MissingError names the nearest."""
        styles = {style.name.lower(): style for style in self.all()}
        if style := styles.get(name.strip().lower()):
            return style
        close = nearest(name.strip().lower(), list(styles))
        raise MissingError(
            f"There is no style “{name.strip()[:80]}”",
            remedy=f"Did you mean “{styles[close].name}”?" if close
            else "Save one, or choose another.",
            safe="Nothing was generated.",
        )  # fmt: skip

    def save(self, name: str, prompt: str, negative_prompt: str) -> Style:
        """Writes a style, over one of the same name. InputError for a name or texts left empty."""
        name = name.strip()
        if not name or not (prompt.strip() or negative_prompt.strip()):
            raise InputError(
                "There is nothing to save" if name else "The style has no name",
                remedy="Write a prompt." if name else "Write a name for it.",
            )
        values = StyleText.parse(
            {"name": name, "prompt": prompt.strip(), "negative_prompt": negative_prompt.strip()}
        )
        path = self.workspace.styles / f"{slug(name, 'style')}{ENDING}"
        atomic.write_text(path, tomli_w.dumps(values.model_dump()))
        return Style(values.name, values.prompt, values.negative_prompt, path)

    def delete(self, name: str) -> Path:
        """Moves a style to the trash; InputError for one in a table of others."""
        style = self.one(name)
        if style.path.suffix != ENDING:
            raise InputError(
                f"“{style.name}” is a line of {style.path.name}",
                remedy="Take the line out of that file.",
            )
        return atomic.move_to_trash(style.path, self.workspace.trash)

    def applied(self, settings: GenerateSettings) -> GenerateSettings:
        """The settings with the texts of their styles in the prompts, and no styles any more."""
        prompt, negative = settings.prompt, settings.negative_prompt
        for name in settings.styles:
            style = self.one(name)
            prompt = _joined(style.prompt, prompt)
            negative = _joined(style.negative_prompt, negative)
        return settings.model_copy(
            update={"prompt": prompt, "negative_prompt": negative, "styles": []}
        )


def _joined(style: str, prompt: str) -> str:
    if PLACE in style:
        return style.replace(PLACE, prompt)
    return ", ".join(filter(None, (prompt.rstrip().rstrip(","), style)))


def _read(path: Path) -> Iterator[Style]:
    """The styles in a file; none in one of another kind."""
    if path.suffix.lower() == ENDING:
        values = StyleText.parse(read_toml(path), where=path.name)
        yield Style(
            values.name or printable(path.stem), values.prompt, values.negative_prompt, path
        )
    elif path.suffix.lower() == ".csv":
        try:
            table = csv.DictReader(io.StringIO(text.read_text(path)))
            for row in table:
                if name := (row.get("name") or "").strip():
                    yield Style(
                        name, row.get("prompt") or "", row.get("negative_prompt") or "", path
                    )
        except (OSError, csv.Error) as error:
            raise FileError("This table of styles cannot be read", where=path.name) from error
