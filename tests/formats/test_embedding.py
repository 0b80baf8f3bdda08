"""Every embedding container gives the same vectors; what we write, other programs' readers take."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.core.errors import FileError
from studio.formats import embedding, pickles, safetensors_file
from studio.formats.inspect import inspect
from tests.near import assert_near

VECTORS = torch.randn(3, 16)


def only(file):
    ((name, encoders),) = file.embeddings.items()
    return name, encoders


def a1111(vectors=VECTORS, **more):
    return {
        "string_to_token": {"*": 265},
        "string_to_param": {"*": vectors},
        "name": "inner name",
        "step": 500,
        "sd_checkpoint": "7460a6fa",
        "sd_checkpoint_name": "v1-5",
        **more,
    }


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("half", [True, False])
def test_a1111(tmp_path, zipped, half):
    path = tmp_path / "my-cat.pt"
    vectors = VECTORS.half() if half else VECTORS
    torch.save(a1111(vectors), path, _use_new_zipfile_serialization=zipped)
    file = embedding.read(path)
    name, encoders = only(file)
    assert (file.dialect, name, file.step) == ("a1111", "my-cat", 500)
    assert encoders["text_encoder"].dtype == torch.float32
    assert torch.equal(encoders["text_encoder"], vectors.float())
    assert file.metadata["sd_checkpoint"] == "7460a6fa"
    assert file.metadata["name"] == "inner name"


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_original_repository_with_a_parameter_dict(tmp_path, zipped):
    path = tmp_path / "embeddings_gs-6099.pt"
    table = torch.nn.ParameterDict({"*": torch.nn.Parameter(VECTORS)})
    torch.save(
        {"string_to_token": {"*": torch.tensor(265)}, "string_to_param": table},
        path,
        _use_new_zipfile_serialization=zipped,
    )
    name, encoders = only(embedding.read(path))
    assert name == "embeddings_gs-6099"
    assert torch.equal(encoders["text_encoder"], VECTORS)


@pytest.mark.parametrize("suffix", ["bin", "pt", "safetensors"])
@pytest.mark.parametrize("flat", [True, False])
def test_diffusers(tmp_path, suffix, flat):
    path = tmp_path / f"learned_embeds.{suffix}"
    vectors = VECTORS[0] if flat else VECTORS
    if suffix == "safetensors":
        safetensors_file.write(path, {"<cat>": vectors})
    else:
        torch.save({"<cat>": vectors}, path)
    file = embedding.read(path)
    name, encoders = only(file)
    assert (file.dialect, name, file.metadata["token"]) == ("diffusers", "learned_embeds", "<cat>")
    assert torch.equal(encoders["text_encoder"], vectors.reshape(-1, 16))


@pytest.mark.parametrize("key", ["emb_params", "emp_params"])
def test_kohya(tmp_path, key):
    path = safetensors_file.write(tmp_path / "cat.safetensors", {key: VECTORS}, {"step": "7"})
    file = embedding.read(path)
    assert (file.dialect, file.step) == ("kohya", 7)
    assert torch.equal(only(file)[1]["text_encoder"], VECTORS)


@pytest.mark.parametrize("pickled", [True, False])
def test_sdxl(tmp_path, pickled):
    tensors = {"clip_l": torch.randn(2, 16), "clip_g": torch.randn(2, 20)}
    path = tmp_path / ("x.pt" if pickled else "x.safetensors")
    torch.save(tensors, path) if pickled else safetensors_file.write(path, tensors)
    file = embedding.read(path)
    assert file.dialect == "sdxl"
    assert torch.equal(only(file)[1]["text_encoder"], tensors["clip_l"])
    assert torch.equal(only(file)[1]["text_encoder_2"], tensors["clip_g"])


def test_several_tokens_keep_their_names(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"<s1>": VECTORS[0], "<s2>": VECTORS[1]}, path)
    file = embedding.read(path)
    assert file.dialect == "cloneofsimo"
    assert list(file.embeddings) == ["<s1>", "<s2>"]
    assert torch.equal(file.embeddings["<s2>"]["text_encoder"], VECTORS[1:2])


def embedding_png(path, value):
    info = PngInfo()
    text = value if isinstance(value, str) else json.dumps(value)
    info.add_text("sd-ti-embedding", base64.b64encode(text.encode()).decode())
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    return path


def test_embedding_images(tmp_path):
    value = a1111({"TORCHTENSOR": VECTORS.tolist()})
    file = embedding.read(embedding_png(tmp_path / "cat.png", value))
    assert (file.dialect, file.step, only(file)[0]) == ("image", 500, "cat")
    assert_near(only(file)[1]["text_encoder"], VECTORS)


def bordered(image: Image.Image, value: Any) -> Image.Image:
    """The image between two borders that hold `value`, by the layout of the format's author."""
    data = np.frombuffer(zlib.compress(json.dumps(value).encode(), 9), np.uint8)
    height = image.height
    data = np.resize(data, -(-len(data) // (3 * height)) * 3 * height).reshape(height, -1, 3)
    x, mask = 0, []
    for _ in range(data.size):
        x = (1664525 * x + 1013904223) % 2**32
        mask.append(x % 255 & 0x0F)
    hidden = np.array(mask, np.uint8).reshape(data.shape)
    # The high bits carry a pattern for the eye; any non-black one will do.
    halves = [Image.fromarray((half ^ hidden) | 0x50) for half in (data & 0x0F, data >> 4)]
    whole = Image.new("RGB", (image.width + 2 * halves[0].width + 2, height))
    whole.paste(halves[0], (0, 0))
    whole.paste(image, (halves[0].width + 1, 0))
    whole.paste(halves[1], (halves[0].width + 1 + image.width + 1, 0))
    return whole


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_embedding_images_whose_text_was_lost(tmp_path, suffix):
    value = a1111({"TORCHTENSOR": VECTORS.tolist()})
    image = bordered(Image.new("RGB", (40, 64), (200, 120, 80)), value)
    image.save(tmp_path / f"cat.{suffix}", lossless=True)  # PNG ignores the option
    file = embedding.read(tmp_path / f"cat.{suffix}")
    assert_near(only(file)[1]["text_encoder"], VECTORS)
    assert inspect(tmp_path / f"cat.{suffix}").dialect == "image"


def test_a_border_that_unfolds_without_end_is_refused(tmp_path):
    bordered(Image.new("RGB", (40, 64), "red"), "0" * (33 << 20)).save(tmp_path / "cat.png")
    with pytest.raises(FileError, match="without an embedding"):
        embedding.read(tmp_path / "cat.png")


@pytest.mark.parametrize(
    "value",
    [
        "{", "[]", {"string_to_param": 3}, {"string_to_param": {"*": {"TORCHTENSOR": []}}},
        {"string_to_param": {"*": {"TORCHTENSOR": [["a"]]}}},
        {"string_to_param": {"*": {"TORCHTENSOR": [[1, 2], [3]]}}},
        {"string_to_param": {"*": {"TORCHTENSOR": [[1e999]]}}},
        {"string_to_param": {"*": {"TORCHTENSOR": [[0.0]] * 2000}}},
        {"string_to_param": {"*": {}}},
        "[" * 100_000,
    ],
)  # fmt: skip
def test_broken_embedding_images(tmp_path, value):
    with pytest.raises(FileError):
        embedding.read(embedding_png(tmp_path / "cat.png", value))


def test_an_ordinary_image_has_no_embedding(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "cat.png")
    with pytest.raises(FileError, match="without an embedding"):
        embedding.read(tmp_path / "cat.png")


@pytest.mark.parametrize(
    "tensors",
    [
        {"a": torch.zeros(2000, 16)},
        {"a": torch.zeros(0, 16)},
        {"a": torch.zeros(2, 3, 16)},
        {"a": torch.ones(2, 16, dtype=torch.int64)},
        {"a": torch.full((2, 16), torch.nan)},
        {"clip_l": torch.zeros(1, 16), "clip_g": torch.zeros(2, 20)},
        {"conv.weight": torch.zeros(2, 16)},
        {"lora_unet_a.lora_up.weight": torch.ones(8, 2), "lora_unet_a.lora_down.weight": torch.ones(2, 8)},
        {f"t{i}": torch.zeros(16) for i in range(300)},
    ],
)  # fmt: skip
def test_what_is_no_embedding_is_refused(tmp_path, tensors):
    with pytest.raises(FileError):
        embedding.read(safetensors_file.write(tmp_path / "x.safetensors", tensors))


@pytest.mark.parametrize(
    "value", [[], {}, 3, {"string_to_param": {}}, {"string_to_param": {"*": 3}}]
)
def test_pickles_without_vectors_are_refused(tmp_path, value):
    torch.save(value, tmp_path / "x.pt")
    with pytest.raises(FileError, match="no embedding"):
        embedding.read(tmp_path / "x.pt")


def test_written_a1111_files(tmp_path):
    path = embedding.write_a1111(tmp_path / "cat.pt", VECTORS, name="cat", step=9, checkpoint="abc")
    assert pickles.a1111_would_accept(path)
    theirs = torch.load(path, weights_only=True)
    assert theirs["string_to_token"] == {"*": 265}
    assert torch.equal(theirs["string_to_param"]["*"], VECTORS)
    file = embedding.read(path)
    assert file.step == 9 and torch.equal(only(file)[1]["text_encoder"], VECTORS)
    again = embedding.write_a1111(
        tmp_path / "b.pt", VECTORS.clone(), name="cat", step=9, checkpoint="abc"
    )
    assert again.read_bytes() == path.read_bytes()


def test_written_safetensors(tmp_path):
    path = embedding.write_kohya(tmp_path / "k.safetensors", VECTORS, {"a": "b"})
    assert safetensors_file.read_header(path).tensors.keys() == {"emb_params"}
    assert torch.equal(only(embedding.read(path))[1]["text_encoder"], VECTORS)
    path = embedding.write_diffusers(tmp_path / "d.safetensors", {"<cat>": VECTORS[0]})
    assert safetensors_file.read_header(path).tensors["<cat>"].shape == (1, 16)
    g = torch.randn(3, 20)
    path = embedding.write_sdxl(tmp_path / "s.safetensors", VECTORS, g)
    assert torch.equal(only(embedding.read(path))[1]["text_encoder_2"], g)
    with pytest.raises(ValueError, match="same number"):
        embedding.write_sdxl(tmp_path / "t.safetensors", VECTORS, g[:1])


def test_no_broken_embedding_is_ever_written(tmp_path):
    with pytest.raises(FileError, match="NaN"):
        embedding.write_kohya(tmp_path / "k.safetensors", VECTORS * torch.inf)
    assert list(tmp_path.iterdir()) == []
