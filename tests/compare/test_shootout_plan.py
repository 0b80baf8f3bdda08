"""What a shootout amounts to: budgets that are fair, trainings known by their content, columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from studio.compare.shootout.cost import Cost, priced
from studio.compare.shootout.plan import (
    Competitor,
    Grounds,
    Plan,
    budgeted,
    identity,
    images_per_step,
    plan,
)
from studio.core.errors import SettingsError
from studio.library import presets
from studio.settings.shootout import Entry, ShootoutSettings
from studio.settings.training import RunConfig

GROUNDS = Grounds("images", "weights")


def config(**values: Any) -> RunConfig:
    return presets.make_config({"train": {"steps": 40, "batch_size": 6}, **values})


def settings(**values: Any) -> ShootoutSettings:
    entries = values.pop("entries", [{"preset": "any"}])
    return ShootoutSettings.parse({"data": "zibbo", "entries": entries, **values})


def competitor(name: str, found: RunConfig | None = None, **entry: Any) -> Competitor:
    told = {"preset": "any"} if found is not None else {}
    return Competitor(Entry.parse({"name": name, **told, **entry}), name, found)


def planned(
    *competitors: Competitor, paces: Mapping[str, float] | None = None, **values: Any
) -> Plan:
    return plan(settings(**values), competitors, GROUNDS, paces)


# Settings.


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"budgett": "steps"}, "did you mean “budget”?"),
        ({"prompts": {"novell": 3}}, "did you mean “novel”?"),
        ({"entries": [{"preset": "a", "chnage": {}}]}, "did you mean “change”?"),
        ({"entries": []}, "entries"),
        ({"budget": "hours"}, "budget"),
        ({"budget": "steps"}, "needs an amount"),
        ({"budget": "images", "amount": 7.5}, "whole numbers"),
        ({"entries": [{"name": "both"}]}, "The entry “both” has either a preset or a stack"),
        ({"entries": [{"preset": "a", "stack": ["b", "c"]}]}, "number 1 has either"),
        ({"entries": [{"stack": ["a"]}]}, "at least two"),
        ({"entries": [{"stack": ["a", "b"], "change": {"seed": 1}}]}, "not trained"),
        ({"training_seeds": []}, "at least one seed"),
        ({"training_seeds": [-1]}, "is no seed"),
        ({"prompts": {"seeds": [2**32]}}, "is no seed"),
    ],
)
def test_wrong_settings_are_refused_in_plain_words(values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**values)
    assert said in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_settings_are_read_back_as_they_were() -> None:
    found = settings(budget="images", amount=240, entries=[{"preset": "a", "change": {"seed": 3}}])
    assert ShootoutSettings.parse(found.model_dump()) == found
    assert settings(training_seeds=[3, 1, 3]).training_seeds == [3, 1]


# Budgets.


def test_each_preset_keeps_its_steps() -> None:
    assert budgeted(config(), settings()).train.steps == 40


@pytest.mark.parametrize(
    ("batch", "accumulation", "steps"), [(1, 1, 240), (4, 1, 60), (6, 2, 20), (7, 1, 34)]
)
def test_equal_images_are_seen_whatever_the_batch(
    batch: int, accumulation: int, steps: int
) -> None:
    train = {"steps": 5, "batch_size": batch, "gradient_accumulation": accumulation}
    found = budgeted(config(train=train), settings(budget="images", amount=240))
    assert found.train.steps == steps
    seen = steps * images_per_step(found)
    assert 240 - images_per_step(found) < seen <= 240


def test_equal_steps_and_minutes() -> None:
    assert budgeted(config(), settings(budget="steps", amount=7)).train.steps == 7
    minutes = settings(budget="minutes", amount=2)
    found = budgeted(config(), minutes, pace=0.5)
    assert (found.train.steps, found.train.minutes) == (240, 2)
    assert budgeted(config(), minutes, pace=1.7).train.steps == 70, "never more than fit"


def test_what_is_computed_keeps_its_steps_under_any_budget() -> None:
    aesthetic = config(method="aesthetic", train={"steps": 2, "batch_size": 8})
    assert budgeted(aesthetic, settings(budget="steps", amount=900)) == aesthetic
    found = planned(competitor("A", aesthetic), budget="steps", amount=900)
    assert any("keeps its own steps" in note for note in found.notes)


@pytest.mark.parametrize(
    ("values", "paces", "said"),
    [
        ({"budget": "images", "amount": 5}, {}, "A step of “A” sees 6 images."),
        (
            {"budget": "minutes", "amount": 0.01},
            {"A": 2.0},
            "A step of “A” takes 2.0 seconds here.",
        ),
    ],
)
def test_a_budget_below_one_step_is_refused(
    values: dict[str, Any], paces: dict[str, float], said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        planned(competitor("A", config()), paces=paces, **values)
    assert said in str(caught.value) and "too few" in caught.value.what


def test_minutes_are_marked_until_they_are_measured() -> None:
    values: dict[str, Any] = {"budget": "minutes", "amount": 1}
    one = competitor("A", config())
    guessed = plan(settings(**values), [one], GROUNDS, guesses={"A": 0.5}).trainings[0]
    assert (guessed.config.train.steps, guessed.measured) == (120, False)
    measured = planned(one, paces={"A": 0.25}, **values).trainings[0]
    assert (measured.config.train.steps, measured.measured) == (240, True)


# Identity.

SAME = [
    {"name": "other"}, {"author": "me"}, {"private_metadata": True}, {"device": "cpu"},
    {"data": {"folder": "/elsewhere"}}, {"sample": {"every": 7}}, {"save": {"every": 3}},
    {"validation": {"every": 1}}, {"base": "another/place"},
]  # fmt: skip
OTHER = [
    {"seed": 2}, {"options": {"rank": 3}}, {"method": "hypernetwork"}, {"precision": "bf16"},
    {"train": {"steps": 41, "batch_size": 6}}, {"data": {"trigger": "zorp"}},
    {"prior": {"weight": 1.0}}, {"loss": {"noise_offset": 0.1}},
    {"train": {"steps": 40, "batch_size": 6, "learning_rate": 2e-4}},
]  # fmt: skip


@pytest.mark.parametrize("values", SAME)
def test_how_a_run_is_called_watched_and_kept_does_not_count(values: dict[str, Any]) -> None:
    assert identity(config(**values), GROUNDS) == identity(config(), GROUNDS)


@pytest.mark.parametrize("values", OTHER)
def test_what_changes_the_result_counts(values: dict[str, Any]) -> None:
    assert identity(config(**values), GROUNDS) != identity(config(), GROUNDS)


def test_images_base_and_further_files_count() -> None:
    known = {
        identity(config(), Grounds("images", "weights")),
        identity(config(), Grounds("other images", "weights")),
        identity(config(), Grounds("images", "other weights")),
    }
    assert len(known) == 3
    own = config(prior={"weight": 1.0, "folder": "/cats"})
    cats, dogs = (Grounds("images", "weights", {"/cats": text}) for text in ("1", "2"))
    assert identity(own, cats) != identity(own, dogs)
    assert identity(config(), cats) == identity(config(), dogs), "it does not use them"


# Trainings and columns.


def test_every_entry_is_trained_once_per_seed_seed_by_seed() -> None:
    found = planned(
        competitor("A", config()), competitor("B", config(options={"rank": 2})),
        training_seeds=[1, 2],
    )  # fmt: skip
    assert [(one.entry, one.seed, one.config.seed) for one in found.trainings] == [
        ("A", 1, 1), ("B", 1, 1), ("A", 2, 2), ("B", 2, 2),
    ]  # fmt: skip
    assert [column.name for column in found.columns] == [
        "Base", "A · seed 1", "A · seed 2", "B · seed 1", "B · seed 2",
    ]  # fmt: skip
    assert [column.group for column in found.columns] == ["", "A", "A", "B", "B"]
    assert len({one.key for one in found.trainings}) == 4


def test_one_seed_needs_no_mention() -> None:
    assert [c.name for c in planned(competitor("A", config())).columns] == ["Base", "A"]


def test_a_stack_has_the_files_of_its_parts_of_the_same_seed() -> None:
    found = planned(
        competitor("A", config()),
        competitor("B", config(method="textual-inversion", options={}), strength=0.5),
        competitor("both", None, stack=["A", "B"], strength=0.8),
        training_seeds=[1, 2],
    )
    assert len(found.trainings) == 4, "a stack is not trained"
    column = found.columns[-1]
    seeds = {one.key: one.seed for one in found.trainings}
    assert (column.name, column.method) == ("both · seed 2", "lora + textual-inversion")
    assert [(seeds[key], strength) for key, strength in column.files] == [(2, 0.8), (2, 0.4)]
    assert {one.entry for one in found.of("both")} == {"A", "B"}


def test_entries_that_train_alike_but_are_applied_otherwise_share_their_training() -> None:
    found = planned(competitor("A", config()), competitor("weak", config(), strength=0.5))
    assert len(found.trainings) == 1
    assert [column.files[0][1] for column in found.columns[1:]] == [1.0, 0.5]


@pytest.mark.parametrize(
    ("competitors", "said"),
    [
        ([competitor("A", config()), competitor("B", config(name="x"))], "“A” and “B” are alike"),
        ([competitor("A", config()), competitor("a", config(seed=2))], "Two entries are called “a”"),
        ([competitor("Base", config())], "The base has the name “Base”"),
        ([competitor("A", config()), competitor("s", None, stack=["A", "C"])], "stacks “C”"),
        ([competitor("LoRA", config()), competitor("s", None, stack=["LoRA", "LoRa"])],
         "Did you mean “LoRA”?"),
    ],
)  # fmt: skip
def test_entries_that_make_no_sense_are_refused(competitors: list[Competitor], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        planned(*competitors)
    assert said in str(caught.value)


def test_two_stacks_of_the_same_files_are_alike() -> None:
    parts = [competitor("A", config()), competitor("B", config(options={"rank": 2}))]
    both = [competitor(name, None, stack=["A", "B"]) for name in ("one", "two")]
    with pytest.raises(SettingsError, match="“one” and “two” are alike"):
        planned(*parts, *both)


# Costs.


def test_costs_are_added_up_and_what_is_there_costs_nothing() -> None:
    prior = {"weight": 1.0, "prompts": ["a cat"]}
    found = planned(
        competitor("A", config(prior=prior)),
        competitor("B", config(prior=prior, options={"rank": 2})),
        competitor("C", config()),
        competitor("both", None, stack=["A", "C"]),
        prompts={"seeds": [1, 2]}, sampling={"images": 10, "ordinary_images": 2},
    )  # fmt: skip
    a, b, c = (one.key for one in found.trainings)
    some = Cost(seconds=60, class_images=8, class_seconds=20, memory=100, disk=7, measured=True)
    costs = {a: some, b: some.changed(memory=300), c: Cost(seconds=30, memory=50, disk=1)}
    result = priced(found, costs, [], 0.5, prompts=3)
    assert result.entries["A"].class_images == 8
    assert result.entries["B"].class_images == 0, "they were made for A"
    assert (result.entries["both"].seconds, result.entries["both"].trainings) == (0, 0)
    total = result.total
    assert (total.seconds, total.class_seconds, total.memory, total.disk) == (150, 20, 300, 15)
    assert not total.measured, "C is an estimate"
    assert (result.images, result.image_seconds) == (60, 30.0), "five columns of ten images and two"
    assert result.seconds == 200
    again = priced(found, costs, [a, c], 0.5, prompts=3)
    assert (again.total.seconds, again.total.reused, again.total.measured) == (60, 2, True)
    assert again.total.class_images == 8, "now B is the first that needs them"
    grid = priced(found, costs, [], 1.0, prompts=30)
    assert grid.images == 5 * 62, "the grid is larger than what is measured at least"
