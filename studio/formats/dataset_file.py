"""`dataset.toml`: what a person says of a dataset beside its images.

Owns: its keys, the error that names the nearest right one, and writing what the page asks. Refuses to know: images, captions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import Field

from studio.core import atomic
from studio.core.errors import DatasetError, SettingsError
from studio.core.text import TextError, parse_toml, read_text, read_toml
from studio.settings.training import Settings, setting

DATASET_FILE = "dataset.toml"
Weight = Annotated[int, Field(ge=1, le=1000)]


class ClassImages(Settings):
    """Of class (regularization) images: what generated them."""

    base: str = setting("", "Base that generated them.")
    weights: str = setting("", "Beginning of the SHA-256 of its weights.")
    prompts: list[str] = setting(default_factory=list, help="Their prompts, in turn.")


class DatasetFile(Settings):
    """What `dataset.toml` may say."""

    name: str = setting("", "What the dataset is called; empty takes the folder's name.")
    trigger: str = setting("", "Word that stands for the concept in prompts.")
    class_word: str = setting("", "What the subject is an example of, such as “dog”.")
    kind: Literal["subject", "style"] = setting("subject", "What is taught.")
    repeats: int = setting(1, "How often each image counts in an epoch.", ge=1, le=1000)
    held_out: str = setting("", "Sub-folder of images that are never trained on.")
    captions: Literal["one", "lines"] = setting(
        "one", "What a caption file holds: one text, or with `lines` a caption of its own on each "
        "line, of which one is picked at every step.",
    )  # fmt: skip
    folders: dict[str, Weight] = setting(
        default_factory=dict, help="Sub-folders that belong to it, with how often each of their "
        "images counts: `close-ups = 3`.",
    )  # fmt: skip
    class_images: ClassImages | None = setting(
        None, "For class (regularization) images: what generated them."
    )


def is_kohyas(values: Mapping[str, Any]) -> bool:
    """True for a dataset config of kohya's sd-scripts, which people keep under the same name."""
    datasets = values.get("datasets")
    return isinstance(datasets, list) or isinstance(values.get("general"), dict)


def read_dataset_file(folder: Path) -> DatasetFile:
    """What the file in `folder` says, or the defaults without one. Raises DatasetError.

    A file of this name may be another program's: `layouts` reads it then.
    """
    file = folder / DATASET_FILE
    if not file.is_file():
        return DatasetFile()
    try:
        values = read_toml(file)
        if is_kohyas(values):
            return DatasetFile()
        return DatasetFile.parse(values, where=str(file))
    except (OSError, TextError) as error:
        raise DatasetError(
            f"{DATASET_FILE} cannot be read",
            where=file,
            why=error.why if isinstance(error, TextError) else f"The system said: {error.strerror}",
            remedy="Correct the file, or remove it: it is optional.",
        ) from error
    except SettingsError as error:
        raise DatasetError(
            error.what, where=file, why=error.why, remedy="Correct the file and open it again."
        ) from None


def write_dataset_file(folder: Path, changes: Mapping[str, str]) -> DatasetFile:
    """Writes `changes` (keys of `DatasetFile` with texts) into the file in `folder`, and returns what
    it says then.

    Every other line stays as somebody wrote it, comments too. Raises SettingsError for a wrong key or
    value, DatasetError when the file is another program's or cannot be read, StorageError.
    """
    file = folder / DATASET_FILE
    text = read_text(file) if file.is_file() else ""
    read_dataset_file(folder)  # its errors say what is wrong with what is there
    before = parse_toml(text)
    if is_kohyas(before):
        raise DatasetError(
            "What the dataset shows cannot be written into its folder",
            where=file,
            why="Another program's settings lie there under the name of the studio's file.",
            remedy="Rename that file, then try again.",
        )
    wanted = {**before, **changes}
    says = DatasetFile.parse(wanted, where=str(file))
    text = _replaced(text, changes)
    try:
        understood = parse_toml(text) == wanted
    except TextError:
        understood = False
    atomic.write_text(file, text if understood else tomli_w.dumps(wanted))
    return says


def _replaced(text: str, changes: Mapping[str, str]) -> str:
    """`text` with the lines of some keys replaced, or added above everything else."""
    table = re.search(r"^[ \t]*\[", text, re.MULTILINE)
    split = table.start() if table else len(text)
    head, tables = text[:split], text[split:]
    for key, value in changes.items():
        line = tomli_w.dumps({key: value})
        found = re.search(rf"^[ \t]*{key}[ \t]*=.*(?:\n|\Z)", head, re.MULTILINE)
        start, end = found.span() if found else (0, 0)
        head = head[:start] + line + head[end:]
    return head + tables
