"""The form of a comparison: columns × prompts × seeds with the same noise, measured.

Owns: the fields, collecting the settings, and the one-click comparison of the last run.
Refuses to know: how a comparison is generated and measured, and how it is shown (components).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.counts import counted
from studio.core.errors import InputError, SettingsError
from studio.core.text import lines
from studio.settings.training import CompareSettings
from studio.ui.components.bases import BaseField, base_choices, base_of
from studio.ui.components.columns import column_builder, columns_of, usable_columns
from studio.ui.components.draft import Draft
from studio.ui.components.last_run import last_run
from studio.ui.components.opened_comparison import KIND
from studio.ui.components.references import captions_of, named_reference, references
from studio.ui.components.restored_settings import valid
from studio.ui.form import Form
from studio.ui.live import ACTION, QUIET, Json, Page, Task, handler, read, refused

if TYPE_CHECKING:
    from studio.app import Studio

TEXTS = ("base", "columns", "prompts", "seeds", "reference", "name")
OWN = ("base", "columns", "prompts", "seeds", "reference", "device", "name")
MOST_SEEDS = 64
MOST_CELLS = 2000


def column_form(studio: Studio, page: Page, opened: gr.HTML) -> None:
    """Adds the form; `opened` is the part that has the button and shows what comes of it."""
    ColumnForm(studio, page, opened)


class ColumnForm:
    """The fields, and what they ask of Python."""

    def __init__(self, studio: Studio, page: Page, opened: gr.HTML) -> None:
        self.studio, self.page, self.opened = studio, page, opened
        self.form = Form(CompareSettings, prefix="compare.", skip=[f"compare.{key}" for key in OWN])
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        with gr.Column(elem_classes=["cs-fields"]):
            self.bases = BaseField(self.studio, "cs-compare-base", "compare")
            self.base, self.first = self.bases.select, self.bases.first
        self.columns = column_builder(self.studio, self.page, self.first)
        with gr.Column(elem_classes=["cs-fields", "gen-fields"]):
            self.prompts = gr.Textbox(
                label="Prompts, one per line", lines=4, max_lines=12,
                elem_id="cs-compare-prompts", elem_classes=["cs-field"],
                placeholder="a red robot in the night sky\na blue fish under the sea",
            )  # fmt: skip
            with gr.Row(elem_classes=["cs-field-row"]):
                self.seeds = gr.Textbox(
                    label="Seeds", value="1-4", elem_id="cs-compare-seeds", min_width=120,
                    elem_classes=["cs-field"], placeholder="1-4, 7",
                )  # fmt: skip
                self.name = gr.Textbox(
                    label="Name", max_lines=1, elem_id="cs-compare-name", min_width=120, max_length=80,
                    elem_classes=["cs-field"], placeholder="of this comparison",
                )  # fmt: skip
            self.reference = gr.Dropdown(
                references(self.studio), value="", label="Reference images",
                info="Likeness and KID are measured against them.",
                allow_custom_value=True, elem_id="cs-compare-reference",
                elem_classes=["cs-field", "gen-keep"],
            )  # fmt: skip
            self.captions = gr.Button(
                "Take prompts from their captions", size="sm", elem_id="cs-compare-captions"
            )
            self.form.show(advanced=False)
        with gr.Accordion("More settings", open=False, elem_classes=["cs-fields"]):
            self.form.show(advanced=True)
        self.texts = [self.base, self.columns, self.prompts, self.seeds, self.reference, self.name]

    def _connect(self) -> None:
        captions = self.captions.click(self.prompts_of, self.reference, self.prompts, **ACTION)
        comparing = self.opened.compare(
            self.start, [*self.texts, *self.form.inputs], self.opened, **ACTION
        )
        comparing.failure(refused, None, self.opened, **QUIET)
        quick = self.opened.quick(
            self.quick, [self.base, *self.form.inputs], [*self.texts, self.opened], **ACTION
        )
        again = self.opened.again(self.again, None, [*self.texts, *self.form.inputs], **ACTION)
        self.base.change(lambda base: gr.HTML(base=base), self.base, self.columns, **QUIET)
        self.columns.shown(
            self.shown, [self.base, self.reference], [self.base, self.reference], **QUIET
        )
        rebased = self.columns.rebase(self.rebased, None, self.base, **ACTION)
        Draft(self.studio.workspace.cache / "compare-form.json").keeps(
            "compare", [*self.texts, *self.form.inputs], self.drafted, self.contents,
            after=[captions, quick, again, rebased, self.bases.added],
        )  # fmt: skip

    def drafted(self, *held: Any) -> Json:
        """What is kept of the form."""
        texts, rest = held[: len(TEXTS)], held[len(TEXTS) :]
        return dict(zip(TEXTS, texts, strict=True)) | {"form": self.form.values(rest, whole=False)}

    def contents(self, kept: Json) -> list[Any]:
        """What the form holds again, as far as it is still there."""
        found = {key: str(kept.get(key) or "") for key in TEXTS}
        form = kept.get("form")
        return [
            self.bases.kept(found["base"]),
            usable_columns(self.studio, kept.get("columns")),
            found["prompts"],
            found["seeds"],
            found["reference"],
            found["name"],
            *self.form.updates(valid(CompareSettings, form if isinstance(form, dict) else {})),
        ]

    @handler
    def start(
        self,
        base: str,
        columns: Any,
        prompts: str,
        seeds: str,
        reference: str,
        name: str,
        *rest: Any,
    ) -> Any:
        values = self.form.values(rest) | {
            "base": base,
            "columns": [column.model_dump() for column in columns_of(self.studio, columns)],
            "prompts": [line.strip() for line in lines(prompts or "") if line.strip()],
            "seeds": seed_list(seeds or ""),
            "reference": str(named_reference(self.studio, reference)) if reference else "",
            "name": (name or "").strip(),
        }
        return gr.HTML(started=self.begin(self.parse(values)))

    @handler
    def quick(self, base: str, *rest: Any) -> list[Any]:
        values = last_run(self.studio)
        settings = self.parse(self.form.values(rest) | {"base": base} | values)
        return [
            settings.base,
            [column.model_dump() for column in settings.columns],
            "\n".join(settings.prompts),
            "1-4",
            gr.Dropdown(references(self.studio), value=settings.reference),
            settings.name,
            gr.HTML(started=self.begin(settings)),
        ]

    @handler
    def again(self, event: gr.EventData) -> list[Any]:
        (identity,) = read(event._data, id=str)
        settings = CompareSettings.parse(self.studio.generation.comparisons.one(identity).settings)
        return [
            settings.base
            if settings.base in {name for _, name in base_choices(self.studio)}
            else self.first,
            [column.model_dump() for column in settings.columns],
            "\n".join(settings.prompts),
            ", ".join(str(seed) for seed in settings.seeds),
            gr.Dropdown(references(self.studio), value=settings.reference),
            settings.name,
            *self.form.updates(settings.model_dump()),
        ]

    def parse(self, values: Json) -> CompareSettings:
        try:
            settings = CompareSettings.parse(values)
        except SettingsError as error:
            raise self.form.named(error) from None
        if not settings.prompts:
            raise InputError("There is no prompt", remedy="Write at least one, a line each.")
        cells = len(settings.columns) * len(settings.prompts) * len(settings.seeds)
        if cells > MOST_CELLS:
            raise InputError(
                f"This would be {counted(cells, 'image')} in the grid",
                remedy=f"Use fewer prompts or seeds: at most {MOST_CELLS:,} together.",
            )
        return settings

    def begin(self, settings: CompareSettings) -> str:
        def work(task: Task) -> Json:
            def started(identity: str) -> None:
                task.about = {**task.about, "comparison": identity}

            made = self.studio.generation.comparisons.compare(
                settings, task.progress, task.cancelled.is_set, started
            )
            return {"id": made.id, "seconds": made.seconds}

        return self.page.tasks.start(KIND, work, name=settings.name).id

    def shown(self, base: str, reference: str) -> tuple[Any, Any]:
        return gr.Dropdown(base_choices(self.studio)), gr.Dropdown(references(self.studio))

    @handler
    def rebased(self, event: gr.EventData) -> Any:
        return base_of(self.studio, event._data)

    @handler
    def prompts_of(self, reference: str) -> str:
        return "\n".join(captions_of(self.studio, reference or ""))


def seed_list(text: str) -> list[int]:
    """“1-4, 9” → 1, 2, 3, 4, 9. Raises SettingsError."""
    found: list[int] = []
    for part in filter(None, re.split(r"[,;\s]+", text.strip())):
        match = re.fullmatch(r"(\d{1,10})(?:[-–](\d{1,10}))?", part)
        if not match:
            raise SettingsError(f"“{part[:40]}” is not a seed", remedy="Write 1-4, or 3, 7, 12.")
        low, high = int(match[1]), int(match[2] or match[1])
        if high - low >= MOST_SEEDS or high < low:
            raise SettingsError(
                f"“{part[:40]}” is not a usable range", remedy=f"Use at most {MOST_SEEDS} seeds."
            )
        found += range(low, high + 1)
    unique = list(dict.fromkeys(found))
    if not unique or len(unique) > MOST_SEEDS:
        raise SettingsError(
            "There is no seed" if not unique else f"{counted(len(unique), 'seed')} are too many",
            remedy=f"Write 1-4, or 3, 7, 12; at most {MOST_SEEDS}.",
        )
    return unique
