"""Which changed settings do nothing beside the others: said for forms and before a run."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import Field

from studio.config import RunConfig
from studio.settings import Settings, setting, without_effect


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
    for condition in found:
        key, _, wanted = condition.partition("=")
        section, _, name = key.partition(".")
        more = {"rates": "1e-3"} if section == "train" else {}
        for value in wanted.split("|"):
            typed = value == "true" if value in ("true", "false") else value
            config = RunConfig.parse({section: {**more, name: typed}})
            assert getattr(getattr(config, section), name) == typed


def test_idle_settings_of_a_run() -> None:
    config = RunConfig.parse({"loss": {"huber_delta": 0.2}, "data": {"keep_tags": 2}})
    assert without_effect(config) == [
        "“data.keep_tags” has no effect: it counts where “data.shuffle_tags” is true, not false.",
        "“loss.huber_delta” has no effect: it counts where “loss.type” is huber or smooth-l1, not l2.",
    ]
    assert without_effect(RunConfig()) == []
