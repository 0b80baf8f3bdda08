"""The card “Describe automatically”: which captioner, asked what, tried on three images, then on all.

Owns: its server functions, and that a key goes from a call into a captioner and nowhere else.
Everything visible is rendered by `static/scripts/caption/`. Refuses to know: captioners, models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from studio.caption.address import Address
from studio.caption.kinds import KINDS
from studio.caption.questions import QUESTIONS
from studio.caption.run import CaptionOptions, Only
from studio.core.errors import SettingsError
from studio.settings.caption import CaptionerSettings
from studio.settings.workspace import workspace_settings
from studio.ui.live import Json, Page, Task, read

if TYPE_CHECKING:
    from studio.app import Studio

PREVIEWED = 3
WHICH: dict[str, tuple[Only, bool]] = {
    "missing": ("missing", False), "all": ("replace", False), "append": ("append", False),
    "selected": ("replace", True), "selected-append": ("append", True),
}  # fmt: skip
"""What the page chooses → what becomes of earlier captions, and whether only selected images count."""


class Describe:
    """What the card asks of Python."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page, self.library = studio, page, page.library

    @property
    def functions(self) -> list[Callable[[Any], Any]]:
        """Its server functions."""
        return [
            self.auto_caption, self.caption_task, self.cancel_caption, self.replaces,
            self.endpoint_host,
        ]  # fmt: skip

    def props(self) -> Json:
        """What the card shows before anything is asked: kinds, preset questions, fields."""
        try:
            own = workspace_settings(self.studio.workspace).caption_endpoint
        except SettingsError:  # who starts the studio is told of it elsewhere
            own = ""
        fields = {name: _field(info) for name, info in CaptionerSettings.model_fields.items()}
        fields["address"]["value"] = own
        return {
            "kinds": [
                {
                    "name": kind.name, "title": kind.title, "says": kind.says, "names": kind.names,
                    "examples": kind.examples, "options": kind.options,
                }
                for kind in KINDS
            ],
            "questions": [asdict(question) for question in QUESTIONS],
            "fields": fields,
        }  # fmt: skip

    def endpoint_host(self, argument: Any) -> Json:
        """Where images would be sent, in words, before any is."""
        (address,) = read(argument, address=str)
        found = Address.parse(address)
        return {"host": found.host, "sentence": found.sentence(), "here": found.here}

    def auto_caption(self, argument: Any) -> Json:
        """Starts the captioner, a preview of it, or what was stopped; answers the task."""
        identity, which, prefix = read(argument, dataset=str, which=str, prefix=str)
        values, key = read({"captioner": {}, "key": "", **argument}, captioner=dict, key=str)
        preview, resume = bool(argument.get("preview")), bool(argument.get("resume"))
        folder = self.library.own(identity)
        settings = CaptionerSettings.parse(values)
        only, selected = WHICH.get(which, WHICH["missing"])
        files = [str(name) for name in read(argument, files=list)[0]] if selected else None
        options = CaptionOptions(only, prefix.strip(), files, preview=PREVIEWED if preview else 0)

        def work(task: Task) -> Any:
            report = self.studio.generation.caption(
                folder, settings, options, key=key, resume=resume, on_progress=task.progress,
                cancelled=task.cancelled.is_set,
            )  # fmt: skip
            return asdict(report)

        return self.page.tasks.start("caption", work, dataset=identity, preview=preview).view()

    def caption_task(self, argument: Any) -> Json | None:
        """The latest captioning, running or ended."""
        task = self.page.tasks.latest("caption")
        return task.view() if task else None

    def cancel_caption(self, argument: Any) -> bool:
        """Stops after the batch that is being described; what was written stays."""
        task = self.page.tasks.latest("caption")
        if task:
            task.cancelled.set()
        return task is not None

    def replaces(self, argument: Any) -> int:
        """How many captions a captioning of all, or of the named images, would replace."""
        identity, names = read(argument, dataset=str, files=list)
        rows = self.studio.library.captions.read(self.library.own(identity))
        wanted = {str(name) for name in names}
        return sum(
            bool((row["caption"] or "").strip()) and (not wanted or row["file"] in wanted)
            for row in rows
        )


def _field(info: Any) -> Json:
    """A setting as the card shows it: label, help, unit, default, and its range."""
    extra = cast(Json, info.json_schema_extra)
    found: Json = {
        "label": extra["label"],
        "help": info.description,
        "unit": extra["unit"],
        "value": info.get_default(call_default_factory=True),
    }
    for bound in info.metadata:
        for name in ("ge", "gt", "le"):
            if hasattr(bound, name):
                found["max" if name == "le" else "min"] = getattr(bound, name)
    return found
