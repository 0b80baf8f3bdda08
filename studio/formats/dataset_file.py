"""`dataset.toml`: what a person says of a dataset beside its images.

Owns: its keys, and the error that names the nearest right one. Refuses to know: images, captions.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from studio.core.errors import DatasetError, SettingsError
from studio.core.text import TextError, read_toml
from studio.settings.training import Settings, setting

DATASET_FILE = "dataset.toml"
Weight = Annotated[int, Field(ge=1, le=1000)]


class DatasetFile(Settings):
    """What `dataset.toml` may say."""

    name: str = setting("", "What the dataset is called; empty takes the folder's name.")
    trigger: str = setting("", "Word that calls the concept.")
    class_word: str = setting("", "What the subject is an example of, such as “dog”.")
    kind: Literal["subject", "style"] = setting("subject", "What is taught.")
    repeats: int = setting(1, "How often each image counts in an epoch.", ge=1, le=1000)
    held_out: str = setting("", "Sub-folder of images that are never trained on.")
    folders: dict[str, Weight] = setting(
        default_factory=dict, help="Sub-folders that belong to it, with how often each of their "
        "images counts: `close-ups = 3`.",
    )  # fmt: skip


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
