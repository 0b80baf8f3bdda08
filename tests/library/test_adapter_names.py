"""One rule says which file a name means, and nobody guesses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from studio.app import Studio
from studio.commands import terminal
from studio.core.errors import InputError, MissingError
from studio.core.paths import Workspace
from studio.library.prompt_tags import with_tags
from studio.settings.grid import reference
from studio.settings.training import GenerateSettings, StackItem
from studio.ui.components.stack import named_stack

LAYER = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(Workspace(tmp_path / "w"))


def lora(studio: Studio, name: str, value: float = 1.0, **stated: str) -> Path:
    """A LoRA at `adapters/<name>`; other values make other contents."""
    path = studio.workspace.adapters / name
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{LAYER}.lora_down.weight": np.full((2, 320), value, np.float32),
        f"{LAYER}.lora_up.weight": np.full((320, 2), value, np.float32),
        f"{LAYER}.alpha": np.array(2.0, np.float32),
    }
    save_file(tensors, path, metadata={"format": "pt", **stated})
    return path


def option(studio: Studio, name: str) -> Path:
    return Path(terminal.adapter_reference(studio, name)["path"])


def column(studio: Studio, name: str) -> Path:
    return Path(terminal.stack_reference(studio, f"mine={name}")[1][0]["path"])


def tag(studio: Studio, name: str) -> Path:
    settings = GenerateSettings.parse({"prompt": f"a cat <lora:{name}:1>"})
    return Path(with_tags(settings, studio.library)[0].stack[0].path)


def axis(studio: Studio, name: str) -> Path:
    return studio.library.adapter_path(reference(name)[0])


def continued(studio: Studio, name: str) -> Path:
    return studio.library.adapter_path(name)


WAYS: dict[str, Callable[[Studio, str], Path]] = {
    "option": option, "column": column, "tag": tag, "axis": axis, "continue from": continued,
}  # fmt: skip


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Callable[[Studio, str], Path]:
    return WAYS[request.param]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("style-v1.5", "style-v1.5.safetensors"),
        ("style-v1.5.safetensors", "style-v1.5.safetensors"),
        ("style-v1", "style-v1.safetensors"),
        ("style", "deep/er/style.safetensors"),
        ("er/style", "deep/er/style.safetensors"),
        ("deep/er/style.safetensors", "deep/er/style.safetensors"),
        ("adapters/deep/er/style", "deep/er/style.safetensors"),
        ("deep\\er\\style", "deep/er/style.safetensors"),
        ("STYLE-V1.5", "style-v1.5.safetensors"),
        ("Zoë", "Zoë.safetensors"),
    ],
)
def test_whole_names_are_found(
    studio: Studio, way: Callable[[Studio, str], Path], written: str, meant: str
) -> None:
    for value, name in enumerate(
        ["style-v1.5", "style-v1", "deep/er/style", "Zoë", "style-v1.5.1"], start=1
    ):
        lora(studio, f"{name}.safetensors", value)
    assert way(studio, written) == studio.workspace.adapters / meant


@pytest.mark.parametrize(
    "written", ["style-v1.5", "style", "style-v", "v1", "tyle-v1", "style-v1.safe", "er/style-v1"]
)
def test_half_a_name_means_nothing(
    studio: Studio, way: Callable[[Studio, str], Path], written: str
) -> None:
    lora(studio, "deeper/style-v1.safetensors")
    with pytest.raises(MissingError) as caught:
        way(studio, written)
    if written.startswith("style"):
        assert caught.value.remedy == "Did you mean “style-v1”?"


def test_the_same_name_in_two_folders_is_asked_about(
    studio: Studio, way: Callable[[Studio, str], Path]
) -> None:
    first, second = lora(studio, "a/style.safetensors", 1), lora(studio, "style.safetensors", 2)
    for written in ("style", "style.safetensors", "Style"):
        with pytest.raises(InputError) as caught:
            way(studio, written)
        assert "2 files" in caught.value.what
        assert "“adapters/a/style.safetensors”, “adapters/style.safetensors”" in (
            caught.value.remedy or ""
        )
    assert way(studio, "a/style") == first
    assert way(studio, "adapters/a/style.safetensors") == first  # as the error writes them
    assert way(studio, "adapters/style.safetensors") == second


def test_names_that_differ_by_case_alone(
    studio: Studio, way: Callable[[Studio, str], Path]
) -> None:
    lower, upper = lora(studio, "fox.safetensors", 1), lora(studio, "Fox.safetensors", 2)
    assert way(studio, "fox") == lower
    assert way(studio, "Fox") == upper
    with pytest.raises(InputError, match="2 files"):
        way(studio, "FOX")


def test_copies_are_one_file(studio: Studio, way: Callable[[Studio, str], Path]) -> None:
    lora(studio, "a/style.safetensors"), lora(studio, "b/style.safetensors")
    assert way(studio, "style").name == "style.safetensors"


def test_a_preview_beside_a_file_is_no_rival(
    studio: Studio, way: Callable[[Studio, str], Path]
) -> None:
    from PIL import Image

    path = lora(studio, "style.safetensors")
    Image.new("RGB", (8, 8)).save(path.with_suffix(".png"))
    assert way(studio, "style") == path


def test_a_broken_file_is_no_rival_but_found_alone(studio: Studio) -> None:
    path = lora(studio, "style.safetensors")
    path.with_suffix(".pt").write_bytes(b"broken")
    assert option(studio, "style") == path
    path.unlink()
    assert option(studio, "style") == path.with_suffix(".pt")


def test_a_path_at_the_terminal_is_that_file(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lora(studio, "style.safetensors")
    outside = tmp_path / "style.safetensors"
    outside.write_bytes(b"elsewhere")
    monkeypatch.chdir(tmp_path)
    assert option(studio, "style.safetensors") == outside
    (tmp_path / "style").mkdir()  # a folder is no adapter
    assert option(studio, "style") == studio.workspace.adapters / "style.safetensors"


def test_a_stated_name_of_two_files_is_asked_about(studio: Studio) -> None:
    first = lora(studio, "one.safetensors", 1, ss_output_name="alias")
    assert tag(studio, "alias") == first
    lora(studio, "two.safetensors", 2, ss_output_name="alias")
    with pytest.raises(InputError, match="2 files"):
        tag(studio, "alias")


def test_a_saved_stack_takes_the_file_it_was_saved_with_or_asks(studio: Studio) -> None:
    lora(studio, "a/style.safetensors", 1)
    second = lora(studio, "b/style.safetensors", 2)
    item: Any = StackItem(path=str(second))
    saved = studio.library.stacks.save("mine", [item], "starter")
    assert [entry.path for entry in studio.library.stacks.load(saved).items] == [str(second)]
    lora(studio, "b/style.safetensors", 3)
    loaded = studio.library.stacks.load(saved)
    assert not loaded.items
    (missing,) = loaded.missing
    assert "adapters/a/style.safetensors or adapters/b/style.safetensors" in missing


def test_settings_in_an_image_take_no_file_by_chance(studio: Studio) -> None:
    lora(studio, "a/style.safetensors", 1)
    entry = {"path": "style.safetensors", "strength": 0.5}
    found, missing = named_stack(studio, [entry])
    assert (found[0]["strength"], missing) == (0.5, [])
    lora(studio, "b/style.safetensors", 2)
    found, missing = named_stack(studio, [entry])
    assert not found
    assert missing == ["style.safetensors (several files have this name)"]


def test_dozens_of_rivals_are_counted_not_listed(studio: Studio) -> None:
    for number in range(12):
        lora(studio, f"{number:02d}/style.safetensors", number + 1)
    with pytest.raises(InputError) as caught:
        option(studio, "style")
    assert "and 7 more" in (caught.value.remedy or "")
