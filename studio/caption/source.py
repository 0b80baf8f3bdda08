"""Where a captioning model is: the starter's own, a local folder, or a hub id.

Owns: finding it, reading what says its kind, and what a failure to load means for a person.
Refuses to know: which kinds there are, how a model is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from studio.core.errors import FileError, MissingError, UnavailableError
from studio.core.names import path_of
from studio.core.paths import STARTER
from studio.core.text import lines as text_lines

if TYPE_CHECKING:
    from PIL.Image import Image

STARTER_NAME = "starter"
_PACKAGES = ("torchvision", "num2words", "timm", "einops", "sentencepiece", "av")


class Describes(Protocol):
    """What is asked of a loaded captioner."""

    def caption(self, images: Sequence[Image]) -> list[str]:
        """One caption per image, in order."""
        ...


@dataclass(frozen=True)
class Source:
    """One captioning model, not loaded yet."""

    name: str
    """As the person named it."""
    folder: Path | None
    """None for one from the hub."""

    @classmethod
    def named(cls, path_or_name: str | Path) -> Source:
        """“starter”, a folder, or a hub id. Raises MissingError, and FileError for another folder."""
        name = str(path_or_name)
        home = STARTER / "captioner" if name == STARTER_NAME else path_of(name).expanduser()
        if not home.is_dir():
            if _like_hub_id(name):
                return cls(name, None)
            raise MissingError(
                "This captioning model is not there",
                where=home,
                remedy="Use “starter”, the folder of a model, or a hub id such as "
                "Salesforce/blip-image-captioning-base.",
            )
        if not (home / "config.json").is_file():
            raise FileError(
                "This folder is not a captioning model",
                where=home,
                why="It has no config.json",
                remedy="Choose the folder that holds config.json and the weights.",
            )
        return cls(name, home)

    @property
    def place(self) -> str:
        """What loaders are given."""
        return self.name if self.folder is None else str(self.folder)

    @cached_property
    def model_type(self) -> str:
        """What its `config.json` calls the kind of model; OSError when it cannot be read."""
        from transformers import PretrainedConfig

        config, _ = PretrainedConfig.get_config_dict(self.place)
        return str(config.get("model_type", ""))

    @cached_property
    def processor(self) -> Any:
        """What prepares images and words for it; whatever transformers raises."""
        from transformers import AutoProcessor

        return AutoProcessor.from_pretrained(self.place, trust_remote_code=False)

    def lacks_a_part(self, error: Exception) -> UnavailableError:
        """A library that it needs is not installed."""
        text = str(error).lower()
        # processors that need torchvision fail with an AttributeError that does not name it
        package = next((name for name in _PACKAGES if name in text), "torchvision")
        return UnavailableError(
            "A part that this captioning model needs is not installed",
            where=self.name,
            why=_first_line(error),
            remedy=f"Install {package} into the studio's environment (python -m pip install "
            f"{package}), or choose BLIP, BLIP-2, GIT or Florence-2, which need nothing more.",
        )

    def cannot_be_loaded(self, error: Exception) -> FileError | UnavailableError:
        """It was not fetched, or is no model that the studio knows how to load."""
        if self.folder is None:
            return UnavailableError(
                "This captioning model could not be fetched",
                where=self.name,
                why=_first_line(error),
                remedy="Check the name and the connection, or download the model into a folder and "
                "name that folder.",
            )
        return FileError(
            "This folder is not a captioning model the studio can load",
            where=self.name,
            why=_first_line(error),
            remedy="It must hold an image-to-text model with safetensors weights and its processor.",
        )


def _like_hub_id(name: str) -> bool:
    owner, slash, model = name.partition("/")
    return bool(slash and owner and model) and "/" not in model and owner[0] not in ".~\\"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in text_lines(str(error)) if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
