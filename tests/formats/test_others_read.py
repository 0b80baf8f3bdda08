"""What we write, diffusers loads by its own code, with the same numbers in the same places."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from studio.adapters.names import ModuleNames
from studio.families.loading import load_base
from studio.formats import embedding, lora
from tests import tiny
from tests.methods.conftest import FACTS, prepare, stir
from tests.near import assert_near

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny SD 1.x base."""
    pytest.importorskip("diffusers")
    return tiny.make_tiny_sd1(tmp_path_factory.mktemp("base"))


@pytest.fixture
def pipeline(folder):
    """The base in diffusers' own pipeline, fresh for every test."""
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(folder)


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_the_file_that_training_writes_changes_the_same_weights_by_the_same_amounts(
    family, tmp_path
):
    """diffusers' own code reads it: every layer, convolutions and both text encoders included."""
    import diffusers

    base = load_base(getattr(tiny, f"make_tiny_{family}")(tmp_path / "base"), "cpu", "fp32")
    options: dict[str, Any] = {"rank": 4, "target": "attention + MLP + conv", "text_encoder": True}
    path = stir(prepare(base, "lora", **options)).export(tmp_path, FACTS)[0]
    file, names = lora.read(path), ModuleNames(base)

    pipeline = diffusers.DiffusionPipeline.from_pretrained(base.path)
    theirs = {name: getattr(pipeline, name) for name in base.components()}
    pipeline.load_lora_weights(str(path))
    pipeline.fuse_lora(components=list(theirs))
    pipeline.unload_lora_weights()
    places = {
        id(module): f"{component}.{name}"
        for component, root in base.components().items()
        for name, module in root.named_modules()
    }
    seen = set()
    for module in file.modules.values():
        layer = names.find(module.component, module.name, module.spelling)
        component, _, name = places[id(layer)].partition(".")
        seen.add((component, name))
        assert layer is not None
        weight: Any = layer.weight.detach()
        fused = theirs[component].get_submodule(name).weight
        assert_near(fused, weight + module.delta(weight))
    trained = [(c, name) for c, sizes in plan_of(base, options).items() for name in sizes]
    assert seen >= set(trained) and len(trained) > 50


def plan_of(base, options):
    """The layers that these options train."""
    trained: Any = prepare(base, "lora", **options)
    return trained.plan.layers


@pytest.mark.parametrize("kind", ["a1111", "diffusers"])
def test_embeddings_become_tokens(pipeline, tmp_path, kind):
    vectors = torch.randn(3, 32)
    if kind == "a1111":
        path = embedding.write_a1111(tmp_path / "cat.pt", vectors, name="<cat>")
    else:
        path = embedding.write_diffusers(tmp_path / "cat.safetensors", {"<cat>": vectors})
    pipeline.load_textual_inversion(str(path), token="<cat>")
    ids = pipeline.tokenizer.convert_tokens_to_ids(["<cat>", "<cat>_1", "<cat>_2"])
    rows = pipeline.text_encoder.get_input_embeddings().weight[ids]
    assert torch.equal(rows.detach(), vectors)
