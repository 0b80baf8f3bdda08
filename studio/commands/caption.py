"""`caption`: writes captions beside the images of a folder.

Owns: the command's output, and where an endpoint's key comes from: never from the command line, which
other people of the machine can read. Refuses to know: captioners and sidecar files.
"""

from __future__ import annotations

import argparse
import getpass
import os
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from studio.commands import caption_edit, terminal
from studio.commands.caption_options import KEY_VARIABLE
from studio.commands.terminal import Progress, Stopping
from studio.core.counts import counted
from studio.core.errors import Interrupted, SettingsError
from studio.core.text import printable

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.caption.run import CaptionReport
    from studio.settings.caption import CaptionerSettings


def run(arguments: argparse.Namespace) -> int:
    """Captions what has no caption yet, or what --only says; continues that, or takes it back. Or edits
    what is there."""
    with terminal.opened(arguments) as studio, Stopping("Stopping after this image.") as stopping:
        if caption_edit.wanted(arguments):
            caption_edit.run(studio, arguments)
            return 0
        progress = Progress()
        result = _described(studio, arguments, progress, stopping)
        progress.end()
        found = asdict(result)
        _show(found, arguments.json)
        if not arguments.json:
            _show_preview(result)
        _say(result, arguments)
        if stopping.asked:
            raise Interrupted("Stopped as you asked", safe="Captions written so far are kept.")
    return 0


def settings_of(arguments: argparse.Namespace) -> CaptionerSettings:
    """The captioner that the options name. Raises SettingsError."""
    from studio.settings.caption import CaptionerSettings

    values: dict[str, Any] = {"kind": "starter"}
    if arguments.tagger is not None:
        values = {"kind": "tagger", "model": arguments.tagger}
    elif arguments.endpoint is not None:
        values = {
            "kind": "endpoint",
            "address": arguments.endpoint,
            "model": arguments.endpoint_model,
        }
    elif arguments.model not in (None, "starter"):
        values = {"kind": "model", "model": arguments.model}
    elif arguments.question:
        raise SettingsError(
            "The starter's captioner is asked nothing",
            remedy="Name a model with --model, or an --endpoint.",
        )
    values |= {
        "download": arguments.download,
        "question": arguments.question,
        "answer": arguments.answer,
        "max_tokens": arguments.max_tokens,
        "threshold": arguments.threshold,
        "character_threshold": arguments.character_threshold,
        "exclude": arguments.exclude,
        "ratings": arguments.ratings,
        "spaces": not arguments.underscores,
        "escape": arguments.escape,
        "timeout": arguments.endpoint_timeout,
        "image_side": arguments.endpoint_side,
    }
    given = {name: value for name, value in values.items() if value is not None}
    return CaptionerSettings.parse(given, where="caption")


def _described(
    studio: Studio, arguments: argparse.Namespace, progress: Progress, stopping: Stopping
) -> CaptionReport:
    from studio.caption.run import CaptionOptions

    folder, resume = arguments.folder, arguments.resume
    settings = studio.library.captions.unfinished(folder) if resume else settings_of(arguments)
    files = caption_edit.filtered(studio, arguments)
    options = CaptionOptions(
        arguments.only, arguments.prefix, files, preview=max(0, arguments.preview)
    )
    key = ""
    if settings.kind == "endpoint":
        from studio.caption.address import Address

        terminal.say(Address.parse(settings.address).sentence())
        key = _key(arguments.endpoint_key)
    return studio.generation.caption(
        folder, settings, options, key=key, resume=resume, on_progress=progress, cancelled=stopping
    )


def _key(where: str) -> str:
    if where == "ask":
        return getpass.getpass("Key of the endpoint (is not shown): ")
    return os.environ.get(KEY_VARIABLE, "") if where == "environment" else ""


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        terminal.print_json(result)
        return
    for key, value in result.items():
        print(f"{key}: {len(value) if isinstance(value, list | dict) else value}")


def _show_preview(result: CaptionReport) -> None:
    for name, found in result.would.items():
        print(f"\n{printable(name)}")
        if found["before"]:
            print(f"  now:   {found['before']}")
        print(f"  would: {found['after']}")


def _say(result: CaptionReport, arguments: argparse.Namespace) -> None:
    for name, found in result.marked.items():
        terminal.say(f"Needs a look, so nothing was written: {printable(name)}. {found['why']}.")
    for name, why in result.broken.items():
        terminal.say(f"Left out: {printable(name)}. {why}")
    if result.written:
        kept = (
            counted(result.replaced, "earlier caption is", "earlier captions are") + " kept; "
            if result.replaced
            else ""
        )
        again = shlex.join(["caption", str(arguments.folder), "--undo"])
        terminal.say(f"{kept}`studio.py {again}` takes this back.")
