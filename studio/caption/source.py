"""Where a captioner's files are (what ships, a folder, a hub id), and what one is to the rest.

Owns: finding a model, downloading one when a person asked for it, and what a failure to load means
for a person. Refuses to know: which kinds there are, how a model is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from studio.core.errors import FileError, MissingError, StudioError, UnavailableError
from studio.core.names import path_of
from studio.core.paths import STARTER
from studio.core.text import lines as text_lines

if TYPE_CHECKING:
    from PIL.Image import Image

STARTER_NAME = "starter"
_PACKAGES = ("torchvision", "num2words", "timm", "einops", "sentencepiece", "av")
_FILES = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")


class Describes(Protocol):
    """What is asked of a loaded captioner."""

    def caption(self, images: Sequence[Image], questions: Sequence[str] = ()) -> list[str]:
        """One caption per image, in order; `questions` are none, or one for each image."""
        ...


class AnswerError(StudioError):
    """Nothing came back for one image that could be its caption; the next ones may fare better."""


@dataclass(frozen=True)
class Means:
    """What a captioner gets besides its settings; none of it is ever written down."""

    device: str = "auto"
    key: str = field(default="", repr=False)
    """For an endpoint."""
    cancelled: Callable[[], bool] = bool


@dataclass(frozen=True)
class Source:
    """One captioning model, not loaded yet."""

    name: str
    """As the person named it."""
    folder: Path

    @classmethod
    def named(
        cls,
        path_or_name: str | Path,
        download: bool = False,
        holds: str = "config.json",
        files: Sequence[str] = _FILES,
    ) -> Source:
        """“starter”, a folder, or a hub id that is in the cache or, with `download`, is brought there.

        `holds` is the file by which it is known, `files` are what is downloaded. Raises MissingError,
        FileError for another folder, and UnavailableError without a connection.
        """
        name = str(path_or_name).strip()
        home = STARTER / "captioner" if name == STARTER_NAME else path_of(name).expanduser()
        if not name or not home.is_dir():
            if not _like_hub_id(name):
                raise MissingError(
                    "This captioning model is not there"
                    if name
                    else "No captioning model is named",
                    where=home if name else None,
                    remedy="Use “starter”, the folder of a model, or a hub id such as "
                    "Salesforce/blip-image-captioning-base.",
                )
            home = _from_hub(name, download, holds, files)
        if not (home / holds).is_file():
            other = "model_index.json" if (home / "model_index.json").is_file() else ""
            raise FileError(
                "This folder is not a captioning model",
                where=name,
                why=f"It has no {holds}"
                + (f", but {other}: it is a base model." if other else "."),
                remedy=f"Choose the folder that holds {holds}"
                + (" and the weights." if holds == "config.json" else "."),
            )
        return cls(name, home)

    @property
    def place(self) -> str:
        """What loaders are given."""
        return str(self.folder)

    @cached_property
    def config(self) -> dict[str, Any]:
        """Its `config.json`; OSError when it cannot be read."""
        from transformers import PretrainedConfig

        config, _ = PretrainedConfig.get_config_dict(self.place, local_files_only=True)
        return config

    @property
    def model_type(self) -> str:
        """What its `config.json` calls the kind of model."""
        return str(self.config.get("model_type", ""))

    @cached_property
    def processor(self) -> Any:
        """What prepares images and words for it; whatever transformers raises."""
        from studio.caption.processors import load_processor

        return load_processor(self.place, self.model_type)

    def lacks_a_part(self, error: Exception) -> UnavailableError:
        """A library that it needs is not installed."""
        text = str(error).lower()
        # processors that need torchvision fail with an AttributeError that does not name it
        package = next((name for name in _PACKAGES if name in text), "torchvision")
        return UnavailableError(
            "A part that this captioning model needs is not installed",
            where=self.name,
            why=first_line(error),
            remedy=f"Install {package} into the studio's environment (python -m pip install "
            f"{package}), or choose BLIP, BLIP-2, GIT or Florence-2, which need nothing more.",
        )

    def cannot_be_loaded(self, error: Exception) -> FileError:
        """It is no model that the studio knows how to load."""
        why = first_line(error)
        remedy = "It must hold an image-to-text model with safetensors weights and its processor."
        if "trust_remote_code" in str(error) or "auto_map" in self.config_or_nothing():
            why = "It brings program code of its own, and the studio never runs that."
            remedy = (
                "Look for a version of it that transformers loads itself, such as "
                "florence-community/Florence-2-large for Florence-2."
            )
        elif "Unrecognized configuration class" in str(error):
            why = f"Its config.json says “{self.model_type}”, which does not describe images."
        return FileError(
            "This folder is not a captioning model the studio can load",
            where=self.name, why=why, remedy=remedy,
        )  # fmt: skip

    def config_or_nothing(self) -> dict[str, Any]:
        """Its `config.json`, empty when it cannot be read."""
        try:
            return self.config
        except (OSError, ValueError):
            return {}


def is_hub_id(name: str) -> bool:
    """Whether this names a model on the hub: it has the form, and no folder here is called so."""
    return _like_hub_id(name) and not path_of(name).expanduser().is_dir()


def _from_hub(name: str, download: bool, holds: str, files: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    repository, _, revision = name.partition("@")
    known = try_to_load_from_cache(repository, holds, revision=revision or None)
    try:
        if not download:
            if isinstance(known, str):
                return Path(known).parent
            raise MissingError(
                "This captioning model is not on this machine",
                where=name,
                why="It has the form of a Hugging Face id, and a download was not asked for.",
                remedy="Allow the download (--download), or name the folder of a model.",
            )
        return Path(
            snapshot_download(repository, revision=revision or None, allow_patterns=list(files))
        )
    except StudioError:
        raise
    except Exception as error:  # a network fails in many ways
        raise UnavailableError(
            "This captioning model could not be fetched",
            where=name,
            why=first_line(error),
            remedy="Check the name and the connection, or download the model into a folder and "
            "name that folder.",
        ) from error


def _like_hub_id(name: str) -> bool:
    owner, slash, model = name.partition("/")
    return bool(slash and owner and model) and "/" not in model and owner[0] not in ".~\\"


def first_line(error: BaseException) -> str:
    """What an error of another library says, short."""
    lines = [line.strip() for line in text_lines(str(error)) if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
