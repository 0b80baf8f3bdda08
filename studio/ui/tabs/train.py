"""The Train tab: what is trained with what, the settings, the preflight, and the live run.

Owns: the layout, form → `RunConfig`, start, the draft of the form on disk.
Refuses to know: how training works (studio.app), how parts draw themselves (components).
"""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core import atomic
from studio.core.errors import InputError, SettingsError, StorageError, StudioError
from studio.core.names import printable
from studio.core.text import read_json
from studio.library import presets
from studio.methods import METHODS
from studio.settings.training import RunConfig
from studio.ui.components.form_tools import as_text, form_tools, group
from studio.ui.components.run_view import run_view
from studio.ui.components.train_pick import EMPTY, checked, train_pick
from studio.ui.form import Form
from studio.ui.live import Json, Page, component, handler, log, parts_of, read

if TYPE_CHECKING:
    from studio.app import Studio

QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
ACTION: Json = {"show_progress": "hidden", "api_visibility": "private"}
# An action may be refused: only an event that goes through the queue brings its reason to the page.
TITLES = {"": "Run", "data": "Pictures", "train": "Training", "loss": "Loss", "prior": "Class pictures",
          "save": "Saving", "sample": "Samples", "probe": "Fixed-noise loss"}  # fmt: skip
OWN = ("name", "data.trigger")  # what a person types about this run: no preset changes it


def build(studio: Studio, page: Page) -> None:
    """Adds the tab's contents."""
    form = Form(RunConfig, skip=("method", "base", "data.folder"))
    options = {
        name: Form(method.Options, prefix=f"options-{name}.") for name, method in METHODS.items()
    }
    groups: dict[str, list[gr.Column]] = {name: [] for name in METHODS}

    def reference(argument: Any) -> Json:
        """What the inputs hold when nothing differs from the preset, by key."""
        method, preset = read(argument, method=str, preset=str)
        values = presets.config_from(preset or None, {"method": method}).model_dump()
        one = options[method]
        found = [*zip(form.shown, form.updates(values), strict=True)]
        found += zip(one.shown, one.updates(values["options"]), strict=True)
        return {item.key: as_text(value) for item, value in found if item.key not in OWN}

    with gr.Row(elem_classes=["cs-split"]):
        with gr.Column(elem_classes=["cs-form"]):
            pick = train_pick(studio, page)
            review = component(
                "preflight", '<div class="cs-card cs-preflight"></div>', value={},
                elem_id="cs-preflight",
            )  # fmt: skip
            with gr.Column(elem_classes=["cs-fields"]):
                form.show(advanced=False, sections=("", "data"))
                form.show(advanced=False, sections=("train",))
                _method_fields(options, groups, advanced=False)
                form.show(advanced=False)
            with gr.Column(elem_classes=["cs-fields", "cs-more"], elem_id="cs-train-more"):
                fields = [*form.fields, *(one for f in options.values() for one in f.fields)]
                tools = form_tools(fields, reference)
                with gr.Column(elem_classes=["cs-groups"]):
                    _method_fields(options, groups, advanced=True)
                    for section in form.sections(advanced=True):
                        with group(TITLES.get(section, section.capitalize())):
                            form.show(advanced=True, sections=(section,))
            with gr.Row(elem_classes=["cs-start"]):
                start = gr.Button("Start training", variant="primary", elem_id="cs-train-start")
                measure = gr.Button(
                    "Measure first", elem_id="cs-train-measure", min_width=140, scale=0
                )
        with gr.Column():
            runs = run_view(studio, page)

    inputs = [*form.inputs, *(one for f in options.values() for one in f.inputs)]
    shown_fields = [*form.shown, *(item for f in options.values() for item in f.shown)]
    columns = [column for name in METHODS for column in groups[name]]
    draft_file = studio.workspace.cache / "train-form.json"

    def split(arguments: tuple[Any, ...]) -> tuple[Json, dict[str, Json]]:
        """What the inputs hold → (settings, options by method)."""
        size = len(form.inputs)
        values, rest = form.values(arguments[:size]), arguments[size:]
        found = {}
        for name, one in options.items():
            found[name] = one.values(rest[: len(one.inputs)])
            rest = rest[len(one.inputs) :]
        return values, found

    def config_of(value: Any, arguments: tuple[Any, ...]) -> RunConfig:
        """The complete configuration that the page shows."""
        chosen, folder = checked(page, value)
        values, found = split(arguments)
        values.setdefault("data", {})["folder"] = printable(folder)
        method = chosen["method"]
        if method not in METHODS:
            raise InputError("This method is not known", remedy="Reload the page.")
        values |= {"method": method, "base": chosen["base"], "options": found[method]}
        try:
            return presets.config_from(None, values)
        except SettingsError as error:
            raise options[method].named(form.named(error)) from None

    def judged(value: Any, arguments: tuple[Any, ...]) -> Json:
        """The preflight; wrong settings are among its errors."""
        if not (isinstance(value, dict) and value.get("dataset")):
            return {}
        try:
            return studio.runs.preflight(config_of(value, arguments)).as_dict()
        except StudioError as error:
            return {"errors": [error.sentence()]}

    def shown(method: str) -> list[Any]:
        """Only the chosen method's fields."""
        return [gr.Column(visible=name == method) for name in METHODS for _ in groups[name]]

    def contents(values: Json, chosen: Json) -> list[Any]:
        """New contents for every input; `values` as a configuration's."""
        found = form.updates(values)
        for name, one in options.items():
            mine = values.get("options", {}) if name == chosen["method"] else {}
            found += one.updates(mine)
        return found

    @handler
    def reviewed(value: Any, *arguments: Any) -> Any:
        review = judged(value, arguments)
        try:
            values, found = split(arguments)
            atomic.write_json(draft_file, {"pick": value, "values": values, "options": found})
        except SettingsError:
            pass  # half-typed; the last whole draft stays
        except StorageError as error:  # the form is not safe: that must be seen
            review = review | {"warnings": [*review.get("warnings", []), error.sentence()]}
        return review

    @handler
    def filled(event: gr.EventData, value: Any, *arguments: Any) -> list[Any]:
        """The chosen preset into the form; name and trigger stay as they were typed."""
        (token,) = read(event._data, token=str)
        base, method, preset = read(value, base=str, method=str, preset=str)
        arrived = gr.HTML(filled=token)
        if not preset:
            return [arrived, *shown(method), *(gr.skip() for _ in inputs)]
        config = presets.config_from(preset, {"method": method}).model_dump()
        values, _ = split(arguments)
        config["name"] = values.get("name", "")
        config["data"]["trigger"] = values.get("data", {}).get("trigger", "")
        return [arrived, *shown(method), *contents(config, {"method": method, "base": base})]

    @handler
    def reset(value: Any, event: gr.EventData) -> list[Any]:
        """Some settings back to what the preset says."""
        method, preset = read(value, method=str, preset=str)
        (keys,) = read(event._data, keys=list)
        config = presets.config_from(preset or None, {"method": method}).model_dump()
        fresh = contents(config, {"method": method})
        return [
            new if item.key in keys else gr.skip()
            for item, new in zip(shown_fields, fresh, strict=True)
        ]

    @handler
    def started(value: Any, *arguments: Any) -> tuple[Any, Any]:
        run = studio.runs.start(config_of(value, arguments))
        return gr.HTML(open_run=f"{run}#{time.time()}"), judged(value, arguments)

    @handler
    def measured(value: Any, *arguments: Any) -> Iterator[tuple[Any, Any]]:
        config = config_of(value, arguments)
        yield gr.Button("Measuring…", interactive=False), gr.skip()
        result = studio.runs.preflight(config).as_dict()
        try:
            if result["ok"]:
                result["estimate"] = studio.runs.estimate(config)
        except Exception as error:  # the button must come back whatever happens
            parts = parts_of(error)
            result["errors"] = [" ".join(filter(None, (parts["what"] + ".", parts.get("remedy"))))]
        yield gr.Button("Measure first", interactive=True), result

    def taken(config: Json, value: Any) -> list[Any]:
        """The settings of a finished piece of work into the form."""
        chosen = {**EMPTY, **(value or {}), "method": config["method"], "base": config["base"]}
        try:
            dataset = page.library.open(config["data"]["folder"])
        except InputError:  # it is gone, or not one that may be named from here
            dataset = ""
        chosen |= {"preset": "", "dataset": dataset}
        return [chosen, *shown(config["method"]), *contents(config, chosen)]

    @handler
    def cloned(value: Any, event: gr.EventData) -> list[Any]:
        """The settings of a run into the form."""
        (run,) = read(event._data, run=str)
        return taken(studio.runs.config(run).model_dump(), value)

    @handler
    def likened(value: Any, event: gr.EventData) -> list[Any]:
        """The settings that a file carries into the form."""
        (file,) = read(event._data, file=str)
        like = studio.library.config_like(studio.workspace.resolve(file))
        for note in like.notes:
            gr.Warning(html.escape(note))
        return taken(like.config.model_dump(), value)

    @handler
    def restored() -> list[Any]:
        """The form as it was left, also after a restart."""
        chosen, values = dict(EMPTY), {}
        try:
            draft = read_json(draft_file)
            chosen |= {key: str(draft["pick"].get(key, chosen[key])) for key in EMPTY}
            values = draft["values"] | {"options": draft["options"].get(chosen["method"], {})}
            presets.config_from(None, values | {"method": chosen["method"]})
        except FileNotFoundError:
            chosen, values = _first_choice(studio, chosen)
        except (OSError, ValueError, KeyError, AttributeError, TypeError, StudioError):
            log.info("the form's draft could not be used", exc_info=True)
            chosen, values = dict(EMPTY), {}
        return [chosen, *shown(chosen["method"]), *contents(values, chosen)]

    everything = [pick, *inputs]
    latest: Json = {**QUIET, "trigger_mode": "always_last"}
    gr.on([pick.input, *(one.input for one in inputs)], reviewed, everything, review, **latest)
    again: Json = {"fn": reviewed, "inputs": everything, "outputs": review, **QUIET}
    choose: Json = {**ACTION, "trigger_mode": "always_last", "concurrency_id": "form"}
    pick.preset(filled, everything, [pick, *columns, *inputs], **choose).then(**again)
    tools.reset(reset, pick, inputs, **choose).then(**again)
    runs.clone(cloned, pick, [pick, *columns, *inputs], **choose).then(**again)
    pick.like(likened, pick, [pick, *columns, *inputs], **choose).then(**again)
    start.click(
        started, everything, [runs, review], api_name="train_start",
        show_progress="hidden", concurrency_limit=1,
    )  # fmt: skip
    measure.click(measured, everything, [measure, review], show_progress="hidden",
                  concurrency_id="measure", api_visibility="private")  # fmt: skip
    assert page.demo is not None
    loaded = page.demo.load(restored, None, [pick, *columns, *inputs], **QUIET)
    # what another tab hands to this one comes after the form's draft
    loaded.then(lambda: gr.HTML(restored=True), None, pick, **QUIET)
    loaded.then(**again)


def _first_choice(studio: Studio, chosen: Json) -> tuple[Json, Json]:
    """What a newcomer finds: the preset made for the base that ships."""
    for preset in studio.library.presets(chosen["method"]):
        if preset.base == chosen["base"]:
            values = presets.config_from(preset.name).model_dump()
            return chosen | {"preset": preset.name}, values
    return chosen, {}


def _method_fields(
    options: dict[str, Form], groups: dict[str, list[gr.Column]], *, advanced: bool
) -> None:
    """A column per method; only the chosen method's is visible."""
    for name, form in options.items():
        if not form.sections(advanced=advanced):
            continue
        with gr.Column(
            visible=name == EMPTY["method"], elem_classes=["cs-method-fields"]
        ) as column:
            if advanced:
                with group(METHODS[name].title):
                    form.show(advanced=True)
            else:
                form.show(advanced=False)
        groups[name].append(column)
