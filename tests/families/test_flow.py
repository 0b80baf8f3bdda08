"""A flow-matching transformer with texts of any length, carried by the contract of all families."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from studio.core.errors import MismatchError
from studio.families import detect, saving
from studio.families.base import Base
from studio.families.conditioning import Conditioning
from studio.families.loading import load_base
from tests.flow import TOY, known, make_toy_flow
from tests.near import assert_near


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_flow(tmp_path_factory.mktemp("toy-flow"))


@pytest.fixture
def toy(folder: Path) -> Iterator[Base]:
    with known():
        yield load_base(folder, "cpu", "fp32")


def test_it_is_known_by_its_configuration(folder: Path) -> None:
    (problem,) = detect.describe(folder).problems
    assert "ZImagePipeline" in problem and "no UNet" in problem
    with known():
        info = detect.describe(folder)
        assert (info.family, info.title, info.problems) == (TOY.name, "Toy flow", [])
        assert (info.native_size, info.prediction_type) == (32, "flow_prediction")
        assert list(detect.denoiser_blocks(folder)) == ["NR00", "L00", "L01"]


def test_it_loads_as_diffusers_loads_it(toy: Base, folder: Path) -> None:
    from diffusers import ZImagePipeline

    theirs = ZImagePipeline.from_pretrained(folder, local_files_only=True)
    assert list(toy.components()) == ["transformer", "text_encoder"]
    assert (toy.objective, toy.latent_channels, toy.latent_scale, toy.size_multiple) == (
        "flow", 16, 2, 4,
    )  # fmt: skip
    ids = torch.tensor([[1, 2, 3]])
    with torch.inference_mode():
        expected = theirs.text_encoder(ids).last_hidden_state
        assert torch.equal(toy.text_encoders[0](ids).last_hidden_state, expected)
        noise = torch.randn(1, 16, 8, 8, generator=torch.Generator().manual_seed(0))
        text = toy.encode(["a cat"])
        (out,) = theirs.transformer(
            [noise[0].unsqueeze(1)], torch.tensor([0.75]), [text.embeds[0]], return_dict=False
        )[0]
        assert_near(toy.denoise(noise, torch.tensor([250]), text, (16, 16))[0], -out[:, 0])
    assert toy.block_of("layers.1.attention.to_q") == "L01"
    assert toy.block_of("cap_embedder.1") is None


def test_texts_have_their_own_length_and_no_influence_on_each_other(toy: Base) -> None:
    texts = ["", "a red cat on a house", "a dog"]
    with torch.inference_mode():
        together = toy.encode(texts)
        assert together.mask is not None
        alone = [toy.encode([text]) for text in texts]
        for row, one in enumerate(alone):
            kept = together.embeds[row][together.mask[row]]
            assert_near(kept, one.embeds[0])
        assert len({one.embeds.shape[1] for one in alone}) == 3
        again = Conditioning.join(alone)
        assert_near(again.embeds, together.embeds)
        noise = torch.randn(3, 16, 8, 8, generator=torch.Generator().manual_seed(1))
        times = torch.tensor([100, 500, 900])
        batch = toy.denoise(noise, times, together, (16, 16))
        for row, one in enumerate(alone):
            single = toy.denoise(noise[[row]], times[[row]], one, (16, 16))
            assert_near(batch[[row]], single)


def test_an_extra_word_reaches_it(toy: Base) -> None:
    with torch.inference_mode():
        plain = toy.encode(["a zorp"])
        toy.words["zorp"] = [torch.ones(2, 32)]
        changed = toy.encode(["a zorp"])
    toy.words.clear()
    assert changed.embeds.shape[1] == plain.embeds.shape[1] - len("zorp") + 2
    assert not torch.equal(plain.embeds[:, -1], changed.embeds[:, -1])


def test_its_folder_is_written_and_read_again(toy: Base, tmp_path: Path) -> None:
    written = saving.save_folder(toy, tmp_path / "copy", {}, torch.float32)
    again = load_base(written, "cpu", "fp32")
    for name, module in toy.components().items():
        other = again.components()[name].state_dict()
        assert all(torch.equal(other[key], tensor) for key, tensor in module.state_dict().items())
    texts = ["a red cat"]
    with torch.inference_mode():
        assert torch.equal(again.encode(texts).embeds, toy.encode(texts).embeds)
    with pytest.raises(MismatchError, match="no single file"):
        saving.save_single(toy, tmp_path / "one.safetensors", {}, torch.float32)


def test_latents_are_shifted_and_scaled(toy: Base) -> None:
    images = torch.rand(1, 3, 16, 16) * 2 - 1
    moments = toy.encode_images(images)
    mean = moments.chunk(2, dim=1)[0]
    latents = toy.sample_latents(moments, torch.zeros_like(mean))
    torch.testing.assert_close(latents, (mean - 0.1159) * 0.3611)
    assert toy.decode_latents(latents).shape == images.shape
