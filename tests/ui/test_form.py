"""Forms come from the settings classes and give back exactly what those accept."""

from __future__ import annotations

from typing import Literal

import gradio as gr
import pytest

from studio.core.errors import SettingsError
from studio.methods import METHODS
from studio.settings.training import RunConfig, Settings, setting
from studio.ui.form import Field, Form, fields_of


class Inner(Settings):
    every: int = setting(5, "How often.", ge=0, applies="loud=true")


class Example(Settings):
    name: str = setting("", "What it is called.")
    rate: float | None = setting(None, "Rate; empty takes the usual.", gt=0, le=10, unit="1/s")
    mode: Literal["fast", "slow"] = setting("fast", "How.")
    loud: bool = setting(False, "Whether it is heard.", advanced=True)
    words: list[str] = setting(default_factory=list, help="One per line.", applies="mode=slow|fast")
    every: int = setting(1, "How often.", ge=1)
    inner: Inner = Inner()


def form(**named: object) -> Form:
    made = Form(Example, **named)  # type: ignore[arg-type]
    with gr.Blocks():
        made.show(advanced=False)
        made.show(advanced=True)
    return made


def test_defaults_survive_the_way_through_the_page() -> None:
    made = form()
    assert Example.parse(made.values([c.value for c in made.inputs])) == Example()


def test_a_zero_that_stands_for_what_is_usual_is_an_empty_input() -> None:
    made = form(blank=["inner.every"])
    values = dict(zip([f.key for f in made.shown], made.inputs, strict=True))
    every = values["inner.every"]
    made.begin_with({"inner": {"every": 0}})
    assert every.value == "", "as an empty text: of a None the page makes a 0"
    content = made.updates({"inner": {"every": 0}})
    assert content[made.inputs.index(every)] is None
    for empty in (None, ""):
        content[made.inputs.index(every)] = empty
        assert made.values(content)["inner"] == {"every": 0}
    content[made.inputs.index(every)] = 7
    assert made.values(content)["inner"] == {"every": 7}


def test_every_setting_of_a_run_has_an_input() -> None:
    keys = {field.key for field in fields_of(RunConfig)}
    assert {"name", "train.steps", "data.folder", "sample.prompts", "validation.every"} <= keys
    made = Form(RunConfig)
    with gr.Blocks():
        made.show(advanced=False)
        made.show(advanced=True)
    assert RunConfig.parse(made.values([c.value for c in made.inputs])) == RunConfig()
    labels = [field.label for field in made.fields]
    assert len(labels) == len(set(labels)), "two inputs have the same label"


@pytest.mark.parametrize("name", METHODS)
def test_options_of_every_method_have_an_input(name: str) -> None:
    options = METHODS[name].Options
    assert {f.key for f in fields_of(options)} == set(options.model_fields)


def test_what_people_type_becomes_settings() -> None:
    made = form()
    values = dict(zip([f.key for f in made.shown], [c.value for c in made.inputs], strict=True))
    values |= {"words": " a \n\n b", "rate": 0.5, "every": 3.0, "inner.every": 0, "name": None}
    parsed = Example.parse(made.values(list(values.values())))
    assert (parsed.words, parsed.rate, parsed.every, parsed.inner.every) == (["a", "b"], 0.5, 3, 0)


def test_an_empty_number_is_sent_to_the_page_as_empty() -> None:
    """Gradio leaves out a None, and then the page shows 0."""
    config = {one.elem_id: one.get_config().get("value") for one in form().inputs}
    assert config["cs-field-rate"] == "", config
    assert form().values([c.value for c in form().inputs])["rate"] is None


def test_an_emptied_number_names_its_field() -> None:
    made = form()
    values = [
        None if f.key == "every" else c.value for f, c in zip(made.shown, made.inputs, strict=True)
    ]
    with pytest.raises(SettingsError, match="“Every” is empty"):
        made.values(values)
    kept = made.values(values, whole=False)  # a draft keeps everything else
    assert "every" not in kept
    assert kept.keys() >= {"words", "rate"}


def test_errors_use_the_labels_of_the_form() -> None:
    made = form()
    with pytest.raises(SettingsError) as caught:
        Example.parse({"inner": {"every": -1}})
    assert "“Inner every” (inner.every)" in made.named(caught.value).what


def test_updates_follow_the_inputs() -> None:
    made = form()
    contents = made.updates({"words": ["x", "y"], "inner": {"every": 9}})
    by_key = dict(zip([f.key for f in made.shown], contents, strict=True))
    assert by_key["words"] == "x\ny"
    assert by_key["inner.every"] == 9
    assert by_key["mode"] == "fast"


@pytest.mark.parametrize(
    ("low", "high", "hint"),
    [(1, 512, "Help. (1 to 512)"), (0, None, "Help."), (1, 1e6, "Help. (at least 1)")],
)
def test_hints_tell_useful_ranges(low: float, high: float | None, hint: str) -> None:
    assert Field("k", "K", "Help.", "whole", 1, low=low, high=high).hint() == hint


def test_a_prefix_keeps_two_forms_apart() -> None:
    made = form(prefix="one.")
    assert all(f.element.startswith("cs-field-one-") for f in made.fields)
    assert Example.parse(made.values([c.value for c in made.inputs])) == Example()


def test_conditions_come_with_the_fields_and_name_inputs() -> None:
    by_key = {item.key: item for item in form().fields}
    assert by_key["words"].applies == (("mode", ("slow", "fast")),)
    assert by_key["inner.every"].applies == (("loud", ("true",)),)
    assert by_key["name"].applies == ()


class Choices(Settings):
    kind: Literal["a", "b"] = setting("a", "Which.")
    size: int = setting(1, "How large.", applies="options.kind=b")


def test_a_condition_on_an_option_means_this_methods_option() -> None:
    fields = {item.key: item for item in fields_of(Choices, "options-x.")}
    assert fields["options-x.size"].applies == (("options-x.kind", ("b",)),)


def test_every_condition_of_the_studio_names_a_setting_and_its_values() -> None:
    """A misspelt condition would hide a field for ever."""
    forms = [fields_of(RunConfig)]
    forms += [fields_of(method.Options, f"options-{name}.") for name, method in METHODS.items()]
    known = {item.key: item for one in forms for item in one}
    for item in known.values():
        for key, values in item.applies:
            assert key in known, f"{item.key} depends on {key}, which no form has"
            possible = {"switch": ("true", "false"), "choice": known[key].choices}
            assert set(values) <= set(possible.get(known[key].kind, values)), item.key
