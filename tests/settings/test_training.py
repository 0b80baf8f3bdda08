"""Settings: strict, helpful when wrong, the same from preset, form and command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio import methods
from studio.core.errors import FileError, MissingError, SettingsError
from studio.library import presets
from studio.settings.training import (
    CompareSettings,
    RunConfig,
    Settings,
    ValidationSettings,
    override,
)


def all_settings(cls: type[Settings]) -> list[type[Settings]]:
    """`cls` and every settings class inside it."""
    found = [cls]
    for field in cls.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            found += all_settings(field.annotation)
    return found


@pytest.mark.parametrize(
    "cls", [*all_settings(RunConfig), *(m.Options for m in methods.METHODS.values())]
)
def test_every_setting_explains_itself(cls: type[Settings]) -> None:
    for name, field in cls.model_fields.items():
        inner = isinstance(field.annotation, type) and issubclass(field.annotation, Settings)
        if not inner and name != "options":
            assert field.description and field.description.endswith("."), (cls.__name__, name)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"trian": {}}, "did you mean “train”"),
        ({"train": {"stepz": 3}}, "did you mean “steps”"),
        ({"train": {"steps": 0}}, "“train.steps” cannot be 0: it must be at least 1"),
        ({"train": {"steps": 2_000_000}}, "it must be at most 1,000,000"),
        ({"train": {"steps": 1.5}}, "it must be a whole number"),
        ({"train": {"learning_rate": 0}}, "it must be more than 0"),
        (
            {"train": {"optimizer": "sgd"}},
            "it must be adamw, adamw-8bit, adafactor, lion, lion-8bit or prodigy",
        ),
        ({"name": "x" * 81}, "it may have at most 80 characters"),
        ({"train": {"learning_rate": float("nan")}}, "learning_rate"),
        ({"method": "lora", "options": {"rnk": 3}}, "did you mean “rank”"),
        ({"method": "lorra"}, "Did you mean “lora”"),
    ],
)
def test_wrong_settings_name_the_nearest_right_one(values: dict, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        presets.make_config(values)


def test_a_wrong_key_deep_inside_a_list_is_named() -> None:
    column = {"name": "x", "stack": [{"path": "a", "strenght": 1}]}
    with pytest.raises(SettingsError, match="did you mean “strength”"):
        CompareSettings.parse({"columns": [column]})


def test_assignments_override_with_types() -> None:
    config = presets.make_config(
        {"train": {"steps": 5}},
        ["train.steps=7", "name=my run", "sample.prompts=['a cat', 'a dog']", "data.flip=true"],
    )
    assert (config.train.steps, config.name, config.data.flip) == (7, "my run", True)
    assert config.sample.prompts == ["a cat", "a dog"]
    with pytest.raises(SettingsError, match="not an assignment"):
        override({}, ["steps"])


@pytest.mark.parametrize("preset", presets.all_presets(), ids=lambda preset: preset.name)
def test_every_preset_is_valid_and_survives_toml(
    preset: presets.PresetInfo, tmp_path: Path
) -> None:
    config = presets.make_config(preset.values)
    path = tmp_path / "config.toml"
    path.write_text(presets.to_toml(config), "utf-8")
    assert presets.make_config(presets.read_toml(path)) == config
    assert preset.description and preset.title


def test_a_misspelt_preset_and_a_misspelt_key_in_one(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="Did you mean “starter-lora”"):
        presets.find_preset("starter-lorra")
    wrong = tmp_path / "mine.toml"
    wrong.write_text('method = "lora"\n[preset]\ntitle = "x"\n[train]\nbatchsize = 2\n')
    with pytest.raises(SettingsError, match=r"train\.batchsize.*did you mean “batch_size”"):
        presets.find_preset(str(wrong))
    wrong.write_text("method = lora")
    with pytest.raises(FileError, match="not valid TOML"):
        presets.find_preset(str(wrong))


def test_another_method_does_not_inherit_options() -> None:
    merged = presets.merge(
        {"method": "lora", "options": {"rank": 8}, "train": {"steps": 3}},
        {"method": "textual-inversion", "train": {"batch_size": 2}},
    )
    assert merged == {"method": "textual-inversion", "train": {"steps": 3, "batch_size": 2}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"train": {"warmup": 7}}, "train.warmup_steps=7"),
        ({"train": {"max_gradient_norm": 0.5}}, "train.clip_gradient_norm=0.5"),
        ({"probe": {"every": 5, "pictures": 3}}, "validation={every = 5, images = 3}"),
        ({"prior": {"pictures": 12}}, "prior.images=12"),
    ],
)
def test_names_of_older_versions_are_read(old: dict[str, Any], new: str) -> None:
    assert RunConfig.parse(old) == RunConfig.parse(override({}, [new])) != RunConfig()
    written = override(RunConfig().model_dump(), [f"{key}.{name}={value}" for key, inner in old.items()
                                                   for name, value in inner.items()])  # fmt: skip
    assert RunConfig.parse(written) == RunConfig.parse(old), "over a whole configuration too"


def test_an_old_name_beside_the_new_one_is_meant() -> None:
    assert RunConfig.parse({"train": {"warmup_steps": 3, "warmup": 9}}).train.warmup_steps == 9
    both = {"validation": {"every": 7, "images": 2}, "probe": {"pictures": 5}}
    assert RunConfig.parse(both).validation == ValidationSettings.parse({"every": 7, "images": 5})
    with pytest.raises(SettingsError, match="warmup_steps"):
        RunConfig.parse({"train": {"warmup": -1}})


def test_columns_of_a_comparison_have_headings_of_their_own() -> None:
    found = CompareSettings.parse(
        {"columns": [{"name": name} for name in ("a", "", "a", "Column 2", "a 2", "a")]}
    )
    names = [column.name for column in found.columns]
    assert names == ["a", "Column 2", "a 2", "Column 2 2", "a 2 2", "a 3"]
    assert CompareSettings.parse(found.model_dump()) == found
