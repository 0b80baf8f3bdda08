"""Settings as people write them, and which changed ones do nothing beside the others."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import Field

from studio.core.errors import SettingsError
from studio.methods.hypernetwork_options import HypernetworkOptions
from studio.settings.base import Settings, override, setting, without_effect
from studio.settings.stack import StackItem
from studio.settings.training import RunConfig


class Inner(Settings):
    kind: Literal["a", "b", "c"] = setting("a", "Kind.")
    near: float = setting(0.0, "Near.", applies="inner.kind=b|c")
    other: float = setting(0.0, "Other.", applies="switch=true")


class Outer(Settings):
    switch: bool = setting(False, "Switch.")
    inner: Inner = Field(default_factory=Inner)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, []),
        (
            {"inner": {"near": 1}},
            ["“inner.near” has no effect: it counts where “inner.kind” is b or c, not a."],
        ),
        ({"inner": {"near": 1, "kind": "c"}}, []),
        (
            {"inner": {"other": 1}},
            ["“inner.other” has no effect: it counts where “switch” is true, not false."],
        ),
        ({"inner": {"other": 1}, "switch": True}, []),
    ],
)
def test_idle_settings_are_named(values: dict[str, Any], said: list[str]) -> None:
    assert without_effect(Outer.parse(values)) == said


def test_every_condition_of_a_run_names_a_setting_and_its_values() -> None:
    def conditions(part: Settings) -> list[str]:
        found = []
        for name, info in type(part).model_fields.items():
            value = getattr(part, name)
            if isinstance(value, Settings):
                found += conditions(value)
            elif isinstance(info.json_schema_extra, dict) and info.json_schema_extra["applies"]:
                found.append(str(info.json_schema_extra["applies"]))
        return found

    found = conditions(RunConfig())
    assert len(found) > 8
    for condition in (part for text in found for part in text.split(" or ")):
        key, _, wanted = condition.partition("=")
        section, _, name = key.partition(".")
        more = {"rates": "1e-3"} if section == "train" else {}
        for value in wanted.split("|"):
            words = {"true": True, "false": False, "*": 0.5}
            typed = words.get(value, value)
            config = RunConfig.parse({section: {**more, name: typed}})
            assert getattr(getattr(config, section), name) == typed


def test_idle_settings_of_a_run() -> None:
    config = RunConfig.parse({"loss": {"huber_delta": 0.2}, "data": {"keep_tags": 2}})
    assert without_effect(config) == [
        "“data.keep_tags” has no effect: it counts where “data.shuffle_tags” is true, not false "
        "or where “data.tag_dropout” is not 0.",
        "“loss.huber_delta” has no effect: it counts where “loss.type” is huber or smooth-l1, not l2.",
    ]
    assert without_effect(RunConfig()) == []
    kept = RunConfig.parse({"data": {"keep_tags": 2, "tag_dropout": 0.1}})
    assert without_effect(kept) == []


def test_one_word_or_number_stands_for_a_list_of_one() -> None:
    def set_to(*assignments: str) -> RunConfig:
        return RunConfig.parse(override({"method": "hypernetwork"}, list(assignments)))

    def option(assignment: str, name: str) -> object:
        options = set_to(f"options.{assignment}").options
        return getattr(HypernetworkOptions.parse(options), name)

    assert option("widths=128", "widths") == "128"
    assert option("widths=[128, 256]", "widths") == "128, 256"
    assert option("widths=128, 256", "widths") == "128, 256"
    assert option('widths="128"', "widths") == "128"
    assert option("layer_structure=[1, 2.5, 1]", "layer_structure") == "1, 2.5, 1"
    assert option("dropout_structure=[0, 0.1, 0]", "dropout_structure") == "0, 0.1, 0"
    assert set_to("sample.prompts=a cat").sample.prompts == ["a cat"]
    assert set_to("sample.prompts=2023").sample.prompts == ["2023"]
    assert set_to('sample.prompts=["a", 5]').sample.prompts == ["a", "5"]
    assert set_to("sample.negative_prompt=2024-01-31").sample.negative_prompt == "2024-01-31"
    assert set_to("sample.negative_prompt=true").sample.negative_prompt == "true"
    assert set_to("data.template=the {trigger}").data.template == ["the {trigger}"]


@pytest.mark.parametrize("assignment", ["sample.prompts={a=1}", "sample.steps=[1]", "seed=true.x"])
def test_what_can_mean_several_things_stays_an_error(assignment: str) -> None:
    with pytest.raises(SettingsError):
        RunConfig.parse(override({}, [assignment]))


def test_an_error_shows_the_beginning_of_a_value_only() -> None:
    for value in ("x" * 100_000, [[1] * 1_000] * 1_000, {"a": "b" * 100_000}, 10**4_000):
        with pytest.raises(SettingsError) as caught:
            RunConfig.parse({"sample": {"steps": value}})
        assert len(str(caught.value)) < 500


class Lists(Settings):
    few: list[int] = setting(default_factory=lambda: [1], help="Few.", min_length=1, max_length=3)
    text: str = setting("ab", "Text.", min_length=2)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"few": [1, 2, 3, 4]}, "it may have at most 3 entries, not 4"),
        ({"few": []}, "it needs 1 or more entries"),
        ({"text": "a"}, "it needs 2 or more characters"),
    ],
)
def test_lists_and_texts_that_are_too_long_or_too_short_say_so(values: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Lists.parse(values)


def test_an_end_before_a_start_that_is_wrong_itself_is_an_error_in_words() -> None:
    with pytest.raises(SettingsError, match="“start” cannot be 2: it must be less than 1"):
        StackItem.parse({"path": "x", "start": 2, "end": 0})
