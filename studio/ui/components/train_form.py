"""The settings of the Train tab as inputs: a run's own, and those of every method.

Owns: which inputs there are, what they hold, and filling them. Refuses to know: base and dataset
(`train_pick`), what happens on Start.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.core.errors import InputError, SettingsError
from studio.library import presets
from studio.methods import METHODS
from studio.settings.training import RunConfig
from studio.ui.components.form_tools import as_text, form_tools, group
from studio.ui.components.train_pick import EMPTY
from studio.ui.form import Form
from studio.ui.live import Json, read

TITLES = {"": "Run", "data": "Images", "train": "Training", "memory": "Memory of the base", "loss": "Loss", "prior": "Class images",
          "save": "Saving", "sample": "Samples", "validation": "Validation loss (fixed noise)",
          "image_loss": "Loss per image (fixed noise)"}  # fmt: skip
OWN = ("name", "data.trigger")  # what a person types about this run: no preset changes it


class TrainForm:
    """Inputs in two places: the usual ones, and below them the others in groups."""

    def __init__(self) -> None:
        self.form = Form(RunConfig, skip=("method", "base", "data.folder"))
        self.options = {
            name: Form(method.Options, prefix=f"options-{name}.")
            for name, method in METHODS.items()
        }
        self._groups: dict[str, list[gr.Column]] = {name: [] for name in METHODS}

    def lay_out(self) -> None:
        """Adds the inputs to the page."""
        with gr.Column(elem_classes=["cs-fields"]):
            self.form.show(advanced=False, sections=("", "data"))
            self.form.show(advanced=False, sections=("train",))
            self._method_fields(advanced=False)
            self.form.show(advanced=False)
        with gr.Column(elem_classes=["cs-fields", "cs-more"], elem_id="cs-train-more"):
            fields = [*self.form.fields, *(one for f in self.options.values() for one in f.fields)]
            self.tools = form_tools(fields, self.reference)
            with gr.Column(elem_classes=["cs-groups"]):
                self._method_fields(advanced=True)
                for section in self.form.sections(advanced=True):
                    with group(TITLES.get(section, section.capitalize())):
                        self.form.show(advanced=True, sections=(section,))
        forms = self.options.values()
        self.inputs = [*self.form.inputs, *(one for f in forms for one in f.inputs)]
        self.fields = [*self.form.shown, *(item for f in forms for item in f.shown)]
        self.columns = [column for name in METHODS for column in self._groups[name]]

    def input_of(self, key: str) -> gr.components.Component:
        """The input of one of the run's own settings."""
        return self.form.components[key]

    def _method_fields(self, *, advanced: bool) -> None:
        """A column per method; only the chosen method's is visible."""
        for name, form in self.options.items():
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
            self._groups[name].append(column)

    def reference(self, argument: Any) -> Json:
        """What the inputs hold when nothing differs from the preset, by key."""
        method, preset = read(argument, method=str, preset=str)
        values = presets.config_from(preset or None, {"method": method}).model_dump()
        one = self.options[method]
        found = [*zip(self.form.shown, self.form.updates(values), strict=True)]
        found += zip(one.shown, one.updates(values["options"]), strict=True)
        return {item.key: as_text(value) for item, value in found if item.key not in OWN}

    def values(
        self, arguments: tuple[Any, ...], *, whole: bool = True
    ) -> tuple[Json, dict[str, Json]]:
        """What the inputs hold → (settings, options by method). What is empty and must not be is
        refused; without `whole` it is left out."""
        size = len(self.form.inputs)
        values, rest = self.form.values(arguments[:size], whole=whole), arguments[size:]
        found = {}
        for name, one in self.options.items():
            found[name] = one.values(rest[: len(one.inputs)], whole=whole)
            rest = rest[len(one.inputs) :]
        return values, found

    def config(self, chosen: Json, folder: str, arguments: tuple[Any, ...]) -> RunConfig:
        """The complete configuration for what is `chosen` (method, base) and a dataset's folder."""
        values, found = self.values(arguments)
        values.setdefault("data", {})["folder"] = folder
        method = chosen["method"]
        if method not in METHODS:
            raise InputError("This method is not known", remedy="Reload the page.")
        values |= {"method": method, "base": chosen["base"], "options": found[method]}
        try:
            return presets.config_from(None, values)
        except SettingsError as error:
            raise self.options[method].named(self.form.named(error)) from None

    def shown(self, method: str) -> list[Any]:
        """Updates of `columns`: only the chosen method's fields."""
        return [gr.Column(visible=name == method) for name in METHODS for _ in self._groups[name]]

    def begin_with(self, values: Json, method: str) -> None:
        """What the inputs hold when the page is opened; `values` as a configuration's."""
        self.form.begin_with(values)
        self.options[method].begin_with(values.get("options", {}))

    def contents(self, values: Json, method: str) -> list[Any]:
        """New contents for every input; `values` as a configuration's."""
        found = self.form.updates(values)
        for name, one in self.options.items():
            found += one.updates(values.get("options", {}) if name == method else {})
        return found
