"""Axes of a grid: what people write, which cell gets which settings, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from studio.core.errors import SettingsError
from studio.settings import grid
from studio.settings.grid import ALONE, Axis, GridSettings, read
from studio.settings.grid_cells import groups, lay_out
from studio.settings.training import GenerateSettings, StackItem

GENERATION = GenerateSettings(prompt="a red cat", negative_prompt="red sky", seed=5, count=4)
STACK = [StackItem(path="/a/one.safetensors"), StackItem(path="/a/two.pt", strength=0.5)]


def made(x: Axis, *, generation: GenerateSettings = GENERATION, **more: Any) -> GridSettings:
    return GridSettings(generation=generation, x=x, **more)


def with_stack(*items: StackItem) -> GenerateSettings:
    return GENERATION.model_copy(update={"stack": list(items)})


def test_what_people_write() -> None:
    assert read("strength", "0, 0.5,1").values == ["0", "0.5", "1"]
    assert read("replace", 'cat, "a dog, barking", fox').values == ["cat", "a dog, barking", "fox"]
    assert read("prompt", "a cat, red\n\n a dog").values == ["a cat, red", "a dog"]
    assert read("seed", "1\n2").values == ["1", "2"]
    assert Axis.parse({"kind": "seed", "values": [1, 2]}).values == ["1", "2"]
    for kind, text in (("strenght", "1"), ("seed", " "), ("steps", "")):
        with pytest.raises(SettingsError):
            read(kind, text)
    with pytest.raises(SettingsError, match="mean “strength”"):
        read("strenght", "1")


def test_every_cell_starts_from_the_same_settings() -> None:
    layout = lay_out(made(read("guidance", "1,4"), y=read("steps", "3,6,9"),
                          pages=read("sampler", "Euler,DDIM")))  # fmt: skip
    assert len(layout.cells) == 12
    assert {cell.settings.seed for cell in layout.cells} == {5}
    assert {cell.settings.count for cell in layout.cells} == {1}
    cell = next(c for c in layout.cells if (c.x, c.y, c.page) == (1, 2, 0))
    assert (cell.settings.guidance, cell.settings.steps) == (4.0, 9)
    assert cell.settings.sampler == "Euler"
    assert layout.pages.headings == ["Euler", "DDIM"]
    assert layout.y.title == "Steps"


def test_search_and_replace_goes_through_both_prompts() -> None:
    layout = lay_out(made(read("replace", "red,blue")))
    first, second = (cell.settings for cell in layout.cells)
    assert first.prompt == "a red cat"
    assert (second.prompt, second.negative_prompt) == ("a blue cat", "blue sky")
    both = lay_out(made(read("replace", "dog,fox"), y=read("prompt", "a dog\na dog's house")))
    assert [cell.settings.prompt for cell in both.cells] == [
        "a dog", "a fox", "a dog's house", "a fox's house",
    ]  # fmt: skip
    with pytest.raises(SettingsError, match="not in the prompt"):
        lay_out(made(read("replace", "dog,fox")))


def test_strength_is_that_of_all_files_or_of_the_one_named() -> None:
    generation = with_stack(*STACK, StackItem(path="/a/off.pt", enabled=False))
    (cell,) = lay_out(made(read("strength", "0.3"), generation=generation)).cells
    assert [item.strength for item in cell.settings.stack] == [0.3, 0.3, 1.0]
    (cell,) = lay_out(made(read("strength", "-1", of="two"), generation=generation)).cells
    assert [item.strength for item in cell.settings.stack] == [1.0, -1.0, 1.0]
    for of in ("", "three"):
        with pytest.raises(SettingsError, match="stack"):
            lay_out(made(read("strength", "1", of=of)))


def test_an_adapter_axis_adds_its_file_and_strength_belongs_to_it() -> None:
    settings = made(read("strength", "0.2,1"), y=read("adapter", "none,/a/new.pt,/a/old.pt:0.7"),
                    generation=with_stack(STACK[1]))  # fmt: skip
    layout = lay_out(settings)
    assert layout.y.headings == ["without", "new", "old × 0.7"]
    found = [[(i.path[3:6], i.strength) for i in cell.settings.stack] for cell in layout.cells]
    assert found == [
        [("two", 0.5)], [("two", 0.5)],
        [("two", 0.5), ("new", 0.2)], [("two", 0.5), ("new", 1.0)],
        [("two", 0.5), ("old", 0.2)], [("two", 0.5), ("old", 1.0)],
    ]  # fmt: skip


def test_the_base_alone_stands_first_on_the_axis_of_files() -> None:
    layout = lay_out(made(read("seed", "1,2"), y=read("strength", "0.5,1"), baseline=True,
                          generation=with_stack(*STACK)))  # fmt: skip
    assert layout.y.headings == [ALONE, "0.5", "1"]
    assert [len(cell.settings.stack) for cell in layout.cells] == [0, 0, 2, 2, 2, 2]
    assert [cell.settings.seed for cell in layout.cells] == [1, 2] * 3


def test_without_such_an_axis_the_base_alone_takes_a_free_one() -> None:
    generation = with_stack(STACK[0])
    layout = lay_out(made(read("seed", "1,2"), baseline=True, generation=generation))
    assert layout.y.headings == ["with the stack", ALONE]
    assert [len(cell.settings.stack) for cell in layout.cells] == [1, 1, 0, 0]
    full = {"y": read("steps", "1,2"), "pages": read("guidance", "1,2")}
    with pytest.raises(SettingsError, match="no place for the base alone"):
        lay_out(made(read("seed", "1"), generation=generation, baseline=True, **full))
    with pytest.raises(SettingsError, match="stack is empty"):
        lay_out(made(read("seed", "1"), baseline=True))


def test_tags_of_a_prompt_are_left_for_who_knows_the_files_and_the_base_alone_has_none() -> None:
    def resolve(settings: GenerateSettings) -> GenerateSettings:
        prompt, tag, _ = settings.prompt.partition(" <lora:one:1>")
        return settings.model_copy(update={"prompt": prompt, "stack": [STACK[0]] if tag else []})

    prompts = read("prompt", "a cat <lora:one:1>\na dog")
    layout = lay_out(made(prompts, baseline=True), resolve)
    assert [cell.settings.prompt for cell in layout.cells] == ["a cat", "a dog"] * 2
    assert [len(cell.settings.stack) for cell in layout.cells] == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("axis", "said"),
    [(read("seed", "1,x"), "seed"), (read("sampler", "Eulr"), "sampler"),
     (read("guidance", "99"), "guidance"), (read("steps", "1.5"), "steps")],
)  # fmt: skip
def test_values_are_those_of_the_setting(axis: Axis, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        lay_out(made(axis))


def test_two_axes_of_one_kind_and_endless_grids_are_refused() -> None:
    with pytest.raises(SettingsError, match="the same"):
        lay_out(made(read("seed", "1"), y=read("seed", "2")))
    many = ",".join(map(str, range(1, 31)))
    with pytest.raises(SettingsError, match=f"at most {grid.MOST_CELLS}"):
        lay_out(made(read("seed", many), y=read("steps", many)))


def test_stacks_change_as_rarely_as_possible() -> None:
    settings = made(read("seed", "1,2,3"), y=read("strength", "0,0.5,1"),
                    pages=read("guidance", "1,4"), generation=with_stack(*STACK))  # fmt: skip
    found = groups(lay_out(settings).cells)
    assert [len(group) for group in found] == [3] * 6
    strengths = [group[0].settings.stack[0].strength for group in found]
    assert strengths == [0, 0, 0.5, 0.5, 1, 1], "each stack once, though pages come first"


def test_files_of_one_name_have_their_folder_in_the_heading() -> None:
    values = [
        "/w/adapters/style.safetensors:1",
        "/w/adapters/deep/style.safetensors:1",
        "/w/a.pt:0.5",
    ]
    axis = Axis(kind="adapter", values=values)
    assert axis.headings == ["adapters/style", "deep/style", "a × 0.5"]
