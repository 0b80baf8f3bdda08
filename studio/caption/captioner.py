"""Loading a captioner of any kind.

Owns: from settings to a loaded captioner, through the table of kinds. Refuses to know: what the kinds
are, folders of images, captions on disk, the page.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from pathlib import Path

from studio.caption import kinds, questions
from studio.caption.source import STARTER_NAME, Describes, Means
from studio.core.errors import SettingsError
from studio.core.names import text_of
from studio.settings.caption import CaptionerSettings


def load_captioner(
    captioner: CaptionerSettings | str | Path = STARTER_NAME, means: Means | None = None
) -> Describes:
    """Loads what the settings say: “starter”, or a folder or hub id of a model, named alone.

    Raises SettingsError, and what the kind's own class raises: MissingError (not there), FileError
    (not such a model), UnavailableError (something must be installed, or no connection).
    """
    settings = settings_of(captioner)
    module, _, name = row_of(settings).loader.partition(":")
    loaded: Describes = getattr(import_module(module), name).load(settings, means or Means())
    return loaded


def settings_of(captioner: CaptionerSettings | str | Path) -> CaptionerSettings:
    """The settings of a captioner that may be named alone."""
    if isinstance(captioner, CaptionerSettings):
        return captioner
    if str(captioner) == STARTER_NAME:
        return CaptionerSettings()
    return CaptionerSettings(kind="model", model=text_of(captioner))


def row_of(settings: CaptionerSettings) -> kinds.Kind:
    """Its row of the table. Raises SettingsError when there is none, or a template cannot be filled."""
    kind = kinds.find(settings.kind)
    if kind is None:
        known = [row.name for row in kinds.KINDS]
        near = difflib.get_close_matches(settings.kind, known, 1, 0.5)
        raise SettingsError(
            "There is no such kind of captioner",
            where=settings.kind,
            why=f"There are {', '.join(known)}." + (f" Did you mean {near[0]}?" if near else ""),
            remedy="Choose one of them.",
        )
    questions.check(settings.question, "the question")
    questions.check(settings.answer, "the caption template")
    return kind


def title_of(captioner: CaptionerSettings | str | Path) -> str:
    """Who writes, for the record: “Starter”, “Tagger wd-v3”, “Endpoint llava at localhost:11434”."""
    settings = settings_of(captioner)
    kind = kinds.find(settings.kind)
    if kind is None or not kind.names:
        return kind.title if kind else settings.kind
    name = settings.model if "/" in settings.model and len(settings.model) < 80 else ""
    short = name if name and name.count("/") == 1 else Path(settings.model).name
    place = ""
    if "address" in kind.options:
        from studio.caption.address import Address

        place = f" at {Address.parse(settings.address).host}"
    return f"{kind.title} {short}{place}".strip()
