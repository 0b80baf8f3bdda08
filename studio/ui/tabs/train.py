"""The Train tab: what is trained with what, the settings, the preflight, and the live run.

Owns: the layout, form → `RunConfig`, start, the draft of the form on disk.
Refuses to know: how training works (studio.app), how parts render themselves (components).
"""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.errors import InputError, StorageError, StudioError
from studio.core.names import printable
from studio.formats.dataset import image_files
from studio.formats.dataset_file import read_dataset_file
from studio.library import presets
from studio.runs.findings import refused as as_findings
from studio.settings.training import RunConfig
from studio.ui.components.draft import own_event
from studio.ui.components.look_first import FIT, MEASURE, estimated, fitting, look_first
from studio.ui.components.run_view import run_view
from studio.ui.components.start_answer import answer, start_answer
from studio.ui.components.train_draft import TrainDraft
from studio.ui.components.train_form import TrainForm
from studio.ui.components.train_pick import EMPTY, checked, train_pick
from studio.ui.live import (
    ACTION,
    QUIET,
    Json,
    Page,
    component,
    handler,
    log,
    read,
    refused,
)

if TYPE_CHECKING:
    from studio.app import Studio


CLASS_FIELDS = ("folder", "prompts", "images", "weight")


def build(studio: Studio, page: Page) -> None:
    """Adds the tab's contents."""
    TrainTab(studio, page)


class TrainTab:
    """The tab's parts, and what they ask of Python."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page = studio, page
        self.form = TrainForm()
        self.draft = TrainDraft(studio.workspace.cache / "train-form.json")
        first, values = _first_choice(studio)
        with gr.Row(elem_classes=["cs-split", "train-layout"]):
            with gr.Column(elem_classes=["cs-form"]):
                self.pick = train_pick(studio, page, first, self.draft.exists)
                self.review = component(
                    "preflight", '<div class="cs-card cs-preflight"></div>', value={},
                    elem_id="cs-preflight",
                )  # fmt: skip
                self.form.lay_out()
                self.form.begin_with(values, first["method"])
                with gr.Row(elem_classes=["cs-start"]):
                    self.start = gr.Button(
                        "Start training", variant="primary", elem_id="cs-train-start"
                    )
                    self.measure = gr.Button(
                        MEASURE, elem_id="cs-train-measure", min_width=140, scale=0
                    )
                    self.fit = gr.Button(FIT, elem_id="cs-train-fit", min_width=140, scale=0)
                self.answer = start_answer()
            with gr.Column():
                self.runs = run_view(studio, page)
        self._connect()

    def _connect(self) -> None:
        pick, review, inputs = self.pick, self.review, self.form.inputs
        everything, filling = [pick, *inputs], [pick, *self.form.columns, *inputs]
        latest: Json = {**QUIET, "trigger_mode": "always_last"}
        gr.on(
            [pick.input, *(one.input for one in inputs if own_event(one))],
            self.reviewed,
            everything,
            review,
            **latest,
        )
        again: Json = {"fn": self.reviewed, "inputs": everything, "outputs": review, **QUIET}
        choose: Json = {**ACTION, "trigger_mode": "always_last", "concurrency_id": "form"}
        filled = pick.preset(self.filled, everything, filling, **choose)
        filled.then(**again)
        self.form.tools.reset(self.reset, pick, inputs, **choose).then(**again)
        self.runs.clone(self.cloned, pick, filling, **choose).then(**again)
        words = [pick, self.form.input_of("name"), self.form.input_of("data.trigger")]
        followed = pick.dataset(self.followed, pick, words, **choose)
        followed.then(**again)
        pick.like(self.likened, pick, filling, **choose).then(**again)
        prior = [self.form.input_of(f"prior.{key}") for key in CLASS_FIELDS]
        brought = pick.class_images(self.class_images, prior[-1], [pick, *prior], **choose)
        brought.then(**again)
        self.start.click(
            self.started, everything, [self.runs, review, self.answer], api_name="train_start",
            show_progress="hidden", concurrency_limit=1,
        )  # fmt: skip
        self.measure.click(
            self.measured, everything, [self.measure, review], show_progress="hidden",
            concurrency_id="measure", api_visibility="private",
        )  # fmt: skip
        self.fit.click(
            self.fitted, everything, [self.fit, review], show_progress="hidden",
            concurrency_id="measure", api_visibility="private",
        )  # fmt: skip
        restored = pick.restore(self.restored, None, filling, **choose)
        restored.then(lambda: gr.HTML(restored=True), None, pick, **QUIET)
        restored.then(**again)
        for event in (
            filled,
            followed,
            brought,
            restored,
        ):  # then the form, which waits for it, waits no longer
            event.failure(refused, None, pick, **QUIET)

    def config_of(self, value: Any, arguments: tuple[Any, ...]) -> RunConfig:
        """The complete configuration that the page shows."""
        chosen, folder = checked(self.page, value)
        return self.form.config(chosen, printable(folder), arguments)

    def judged(self, value: Any, arguments: tuple[Any, ...]) -> Json:
        """The preflight; wrong settings are among its errors."""
        if not (isinstance(value, dict) and value.get("dataset")):
            return {}
        try:
            return self.studio.runs.preflight(self.config_of(value, arguments)).as_dict()
        except StudioError as error:
            return as_findings(error).as_dict()

    @handler
    def reviewed(self, value: Any, *arguments: Any) -> Any:
        review = self.judged(value, arguments)
        try:
            self.draft.keep(
                value, *self.form.values(arguments, whole=False)
            )  # some may be half-typed
        except StorageError as error:  # the form is not safe: that must be seen
            review = review | {"warnings": [*review.get("warnings", []), error.sentence()]}
        return review

    @handler
    def filled(self, event: gr.EventData, value: Any, *arguments: Any) -> list[Any]:
        """The chosen preset into the form; name and trigger stay as they were typed."""
        (token,) = read(event._data, token=str)
        method, preset = read(value, method=str, preset=str)
        arrived = gr.HTML(filled=token)
        if not preset:
            return [arrived, *self.form.shown(method), *(gr.skip() for _ in self.form.inputs)]
        config = presets.config_from(preset, {"method": method}).model_dump()
        values, _ = self.form.values(arguments, whole=False)
        config["name"] = values.get("name", "")
        config["data"]["trigger"] = values.get("data", {}).get("trigger", "")
        return [
            arrived,
            *self.form.shown(method),
            *self.form.contents(config, method),
        ]

    @handler
    def followed(self, event: gr.EventData, value: Any) -> list[Any]:
        """Another dataset: its own words, or what was typed for it before; never another's."""
        (token,) = read(event._data, token=str)
        (dataset,) = read(value, dataset=str)
        return [gr.HTML(filled=token), *self.draft.words(dataset)]

    @handler
    def class_images(self, event: gr.EventData, weight: Any) -> list[Any]:
        """A dataset of class images as the run's own, all of them, with a weight at which they count."""
        token, dataset = read(event._data, token=str, dataset=str)
        folder = self.page.library.path(dataset)
        mark = read_dataset_file(folder).class_images
        prompts = "\n".join(mark.prompts) if mark else gr.skip()
        images = len(image_files(folder))
        return [gr.HTML(filled=token), printable(folder), prompts, images, weight or 1.0]

    @handler
    def reset(self, value: Any, event: gr.EventData) -> list[Any]:
        """Some settings back to what the preset says."""
        method, preset = read(value, method=str, preset=str)
        (keys,) = read(event._data, keys=list)
        config = presets.config_from(preset or None, {"method": method}).model_dump()
        fresh = self.form.contents(config, method)
        return [
            new if item.key in keys else gr.skip()
            for item, new in zip(self.form.fields, fresh, strict=True)
        ]

    @handler
    def started(self, value: Any, *arguments: Any) -> tuple[Any, Any, Any]:
        """Checks everything once more, and starts; the answer is shown where Start was pressed."""
        try:
            before = len(self.studio.runs.active())
            run = self.studio.runs.start(self.config_of(value, arguments))
        except StudioError as error:
            found = as_findings(error)
            return gr.skip(), found.as_dict(), answer(error=found)
        shown = gr.HTML(open_run=f"{run}#{time.time()}")
        return shown, self.judged(value, arguments), answer(run=run, before=before)

    @handler
    def measured(self, value: Any, *arguments: Any) -> Iterator[tuple[Any, Any]]:
        """How fast and how large a run would be, and what computes it fastest."""
        yield from look_first(MEASURE, self.studio, self.config_of(value, arguments), estimated)

    @handler
    def fitted(self, value: Any, *arguments: Any) -> Iterator[tuple[Any, Any]]:
        """What fits into the memory, found by measuring ways to need less."""
        yield from look_first(FIT, self.studio, self.config_of(value, arguments), fitting)

    def taken(self, config: Json, value: Any) -> list[Any]:
        """The settings of a finished piece of work into the form."""
        chosen = {**EMPTY, **(value or {}), "method": config["method"], "base": config["base"]}
        try:
            dataset = self.page.library.open(config["data"]["folder"])
        except InputError:  # it is gone, or not one that may be named from here
            dataset = ""
        chosen |= {"preset": "", "dataset": dataset}
        return [
            chosen,
            *self.form.shown(config["method"]),
            *self.form.contents(config, chosen["method"]),
        ]

    @handler
    def cloned(self, value: Any, event: gr.EventData) -> list[Any]:
        """The settings of a run into the form."""
        (run,) = read(event._data, run=str)
        return self.taken(self.studio.runs.config(run).model_dump(), value)

    @handler
    def likened(self, value: Any, event: gr.EventData) -> list[Any]:
        """The settings that a file carries into the form."""
        (file,) = read(event._data, file=str)
        like = self.studio.library.config_like(self.studio.workspace.resolve(file))
        for note in like.notes:
            gr.Warning(html.escape(note))
        return self.taken(like.config.model_dump(), value)

    @handler
    def restored(self) -> list[Any]:
        """The form as it was left, also after a restart."""
        chosen, values = dict(EMPTY), {}
        try:
            draft = self.draft.read()
            chosen |= {key: str(draft["pick"].get(key, chosen[key])) for key in EMPTY}
            values = draft["values"] | {"options": draft["options"].get(chosen["method"], {})}
            found = presets.config_from(None, values | {"method": chosen["method"]})
            values = found.model_dump()  # also what an older version called otherwise
        except FileNotFoundError:
            chosen, values = _first_choice(self.studio)
        except (OSError, ValueError, KeyError, AttributeError, TypeError, StudioError):
            log.info("the form's draft could not be used", exc_info=True)
            chosen, values = dict(EMPTY), {}
        return [
            chosen,
            *self.form.shown(chosen["method"]),
            *self.form.contents(values, chosen["method"]),
        ]


def _first_choice(studio: Studio) -> tuple[Json, Json]:
    """What a newcomer finds: the preset made for the base that ships."""
    for preset in studio.library.presets(EMPTY["method"], broken=[]):
        if preset.base == EMPTY["base"]:
            return EMPTY | {"preset": preset.name}, presets.config_from(preset.name).model_dump()
    return dict(EMPTY), {}
