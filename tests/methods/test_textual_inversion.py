"""Textual Inversion: what the vectors start from, words for the negative prompt, files, going on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from studio import methods
from studio.adapters.stack import applied
from studio.core.errors import FileError, MismatchError, SettingsError
from studio.families.base import Base
from studio.families.token_match import without
from studio.formats import embedding, metadata, pickles, safetensors_file
from studio.library import presets
from studio.settings.training import StackItem
from tests.methods.conftest import (
    FACTS,
    predict,
    predicted_from,
    predicted_with,
    prepare,
    stir,
    warnings,
)
from tests.near import assert_near

TI = "textual-inversion"


def vectors(base: Base, **options: Any) -> list[torch.Tensor]:
    made: Any = prepare(base, TI, **options)
    return [tensor.detach() for tensor in made.vectors]


def test_words_random_or_zero_are_where_they_start(base: Base) -> None:
    for index, encoder in enumerate(base.text_encoders):
        table = encoder.get_input_embeddings().weight
        cat = base.tokenizers[index]("cat", add_special_tokens=False)["input_ids"]
        start = vectors(base, init_words="cat", vectors=3)[index]
        assert torch.equal(start, table[cat[0]].expand(3, -1).float())
        assert not vectors(base, init="zero")[index].any()
        found = vectors(base, init="random", init_words="cat", vectors=5)[index]
        assert not torch.equal(found[0], found[1])
        usual = table.float().norm(dim=-1).mean()
        assert_near(found.norm(dim=-1), usual.expand(5))


@pytest.mark.parametrize("init", ["words", "random", "zero"])
def test_every_start_can_learn(sd1: Base, init: str) -> None:
    made: Any = prepare(sd1, TI, init=init, init_words="cat", norm_prior=0.1, vectors=2)
    with made.attached(training=True):
        loss = sd1.encode(["a zibbo"]).embeds.square().mean() + made.extra_loss()
        loss.backward()
    gradient = made.vectors[0].grad
    assert gradient is not None and bool(gradient.isfinite().all()) and bool(gradient.any())


def test_the_template_puts_the_word_into_captions(sd1: Base) -> None:
    plain = prepare(sd1, TI)
    assert plain.caption("a cat") == "zibbo, a cat"
    assert plain.caption("a zibbo cat") == "a zibbo cat"
    assert plain.caption("") == "zibbo"
    styled = prepare(sd1, TI, template="{caption}, in the style of {trigger}")
    assert styled.caption("a cat") == "a cat, in the style of zibbo"
    assert styled.caption("") == "in the style of zibbo"
    with pytest.raises(SettingsError, match="template"):
        prepare(sd1, TI, template="a photo of it")


def test_layouts_of_the_file(sd1: Base, sdxl: Base, tmp_path: Path) -> None:
    made: Any = stir(prepare(sd1, TI, vectors=3, layout="kohya"))
    main, a1111 = made.export(tmp_path / "kohya", FACTS)
    tensors, facts = safetensors_file.read_tensors(main)
    assert list(tensors) == ["emb_params"] and metadata.trigger(facts) == "zibbo"
    assert pickles.a1111_would_accept(a1111)
    diffusers = stir(prepare(sd1, TI, vectors=3)).export(tmp_path / "diffusers", FACTS)[0]
    assert list(safetensors_file.read_tensors(diffusers)[0]) == ["zibbo"]
    during = predicted_with(sd1, made)
    assert not torch.equal(during, predict(sd1))
    for file in (main, a1111, diffusers):
        assert torch.equal(predicted_from(sd1, file), during)
    renamed = main.rename(main.with_name("other-name.safetensors"))
    assert torch.equal(predicted_from(sd1, renamed), during), "the word travels inside"
    both = stir(prepare(sdxl, TI, vectors=3, layout="kohya")).export(tmp_path / "xl", FACTS)[0]
    assert sorted(safetensors_file.read_tensors(both)[0]) == ["clip_g", "clip_l"]


@pytest.mark.parametrize("count", [1, 32])
def test_one_to_thirty_two_vectors(sd1: Base, count: int, tmp_path: Path) -> None:
    made = stir(prepare(sd1, TI, vectors=count))
    file = made.export(tmp_path, FACTS)[0]
    assert torch.equal(predicted_from(sd1, file), predicted_with(sd1, made))
    with pytest.raises(SettingsError):
        prepare(sd1, TI, vectors=33)


# For the negative prompt.


def config(**options: Any) -> Any:
    return presets.make_config(
        {
            "method": TI,
            "data": {"trigger": "ugly"},
            "sample": {"prompts": ["an ugly cat", "ugly", "a dog, ugly, red"]},
            "options": options,
        }
    )


def test_samples_show_the_word_where_it_belongs() -> None:
    method = methods.find(TI)
    assert method.samples(config()).prompts[0] == "an ugly cat"
    shown = method.samples(config(negative=True))
    assert shown.prompts == ["an cat", "", "a dog, red"]
    assert shown.negative_prompt == "ugly"
    again = config(negative=True).model_copy(update={"sample": shown})
    assert method.samples(again) == shown, "completing twice changes nothing"


def test_words_are_taken_out_as_whole_words() -> None:
    assert without("a mug-2 and a mug, red", "mug") == "a mug-2 and a, red"
    assert without("mug, mug", "mug") == ""


def test_the_file_says_that_it_is_for_the_negative_prompt(sd1: Base, tmp_path: Path) -> None:
    file = stir(prepare(sd1, TI, negative=True)).export(tmp_path, FACTS)[0]
    facts = safetensors_file.read_header(file).metadata
    assert metadata.for_negative(facts)
    assert facts["modelspec.usage_hint"] == "Write it in the negative prompt."
    with applied(sd1, [StackItem(path=str(file))]) as reports:
        assert "“zibbo” in the negative prompt" in reports[0].message
    ordinary = prepare(sd1, TI).export(tmp_path / "o", FACTS)[0]
    facts = safetensors_file.read_header(ordinary).metadata
    assert not metadata.for_negative(facts) and "modelspec.usage_hint" not in facts


# Continuing from a file.


@pytest.mark.parametrize("base", ["sd1", "sdxl"], indirect=True)
def test_going_on_begins_where_the_file_ended(base: Base, tmp_path: Path) -> None:
    first: Any = stir(prepare(base, TI, vectors=5))
    for file in first.export(tmp_path, FACTS):
        second = vectors(base, continue_from=str(file), vectors=2)
        assert all(torch.equal(a, b) for a, b in zip(first.vectors, second, strict=True))


def test_files_that_cannot_go_on_are_refused(sd1: Base, sdxl: Base, tmp_path: Path) -> None:
    file = prepare(sdxl, TI).export(tmp_path, FACTS)[0]
    with pytest.raises(MismatchError, match=r"32 and 64 wide.*SD 1\.x.*is 32 wide"):
        prepare(sd1, TI, continue_from=str(file))
    several = {f"<s{n}>": torch.ones(1, 32) for n in (1, 2)}
    path = embedding.write_diffusers(tmp_path / "several.safetensors", several)
    with pytest.raises(FileError, match="several words"):
        prepare(sd1, TI, continue_from=str(path))


def test_settings_without_effect_are_named() -> None:
    def said(*changes: str, **options: Any) -> str:
        return " ".join(warnings(TI, *changes, **options))

    assert "start random" in said()
    assert not said(init_words="cat")
    assert not said(init="random")
    assert "“init_words” has no effect" in said(init="zero", init_words="cat")
    assert "“vectors” has no effect" in said(continue_from="x.pt", vectors=2)
    assert "Weight decay has no effect" in said("train.weight_decay=0.5", init="zero")
    captions = methods.find(TI).check(
        config(init="zero", template="{trigger}: {caption}"), ["an ugly cat"]
    )
    assert captions == ["“template” has no effect: every caption has the trigger word."]


def test_the_class_word_is_taken_only_where_words_start_the_vectors() -> None:
    method = methods.find(TI)
    assert method.complete({}, "cat")["init_words"] == "cat"
    assert method.complete({"init_words": "dog"}, "cat")["init_words"] == "dog"
    assert "init_words" not in method.complete({"init": "zero"}, "cat")
    assert "init_words" not in method.complete({"continue_from": "x.pt"}, "cat")
