"""One file in the original layout is a base like any other, whoever wrote it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from studio.architectures import ARCHITECTURES
from studio.core.errors import FileError, MissingError
from studio.families import detect, infer_config, part_files, saving, single_file_loader, vocabulary
from studio.families.base import Base
from studio.families.loading import load_base
from studio.families.size_multiple import size_multiple
from studio.formats import ldm_names, safetensors_file, single_file_layout
from studio.infer import engine
from studio.settings.training import GenerateSettings
from tests.families.test_saving import assert_same, states_of
from tests.tiny import _seeded, make_tiny_sd2, tiny_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore")


def image(base: Base, **changes: Any) -> bytes:
    settings = GenerateSettings(
        prompt="a red cat!", negative_prompt="house", count=1, steps=2, **changes
    )
    return engine.generate(base, settings)[0].image.tobytes()


@pytest.fixture
def exported(base: Base, tmp_path: Path) -> Path:
    return saving.save_single(base, tmp_path / "my model.v1.safetensors", {}, torch.float32)


def test_folder_to_file_to_the_same_image(base: Base, exported: Path) -> None:
    info = detect.describe(exported)
    assert (info.family, info.native_size, info.problems) == (base.architecture.name, 32, [])
    assert info.name == "my model.v1" and info.assumed == []
    assert info.prediction_type == base.prediction_type
    for place in (base.path, exported):
        assert size_multiple(place, base.architecture.name) == base.size_multiple
    again = load_base(exported, "cpu", "fp32")
    assert_same(base, again)
    assert image(again) == image(base)
    assert again.modelspec == base.modelspec
    assert again.hash == part_files.base_hash(exported)
    assert [t.pad_token for t in again.tokenizers] == [t.pad_token for t in base.tokenizers]
    for module in (again.vae, *again.components().values()):
        assert not module.training
        assert not any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers()))
        assert not any(parameter.requires_grad for parameter in module.parameters())


def test_the_hash_of_a_file_is_what_other_programs_call_its_hash(sd1: Base, tmp_path: Path) -> None:
    import hashlib

    path = saving.save_single(sd1, tmp_path / "a.safetensors", {}, torch.float16)
    whole = hashlib.sha256(path.read_bytes()).hexdigest()
    assert part_files.base_hash(path) == whole == load_base(path, "cpu").hash


def test_a_file_becomes_a_folder_and_another_file(
    base: Base, exported: Path, tmp_path: Path
) -> None:
    rough = load_base(exported, "cpu", "bf16")
    folder = saving.save_folder(rough, tmp_path / "folder", {}, torch.float32)
    assert_same(base, load_base(folder, "cpu", "fp32"))
    other = saving.save_single(rough, tmp_path / "other.safetensors", {}, torch.float32)
    assert_same(base, load_base(other, "cpu", "fp32"))


def test_half_precision_keeps_the_vae_whole(exported: Path) -> None:
    loaded = load_base(exported, "cpu", "bf16")
    assert loaded.denoiser.dtype == loaded.text_encoders[-1].dtype == torch.bfloat16
    assert loaded.vae.dtype == torch.float32


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_sd2_with_either_prediction_generates_as_diffusers_does(
    tmp_path: Path, prediction: str
) -> None:
    from diffusers import StableDiffusionPipeline

    folder = make_tiny_sd2(tmp_path / "two", prediction)
    source = load_base(folder, "cpu", "fp32")
    path = saving.save_single(source, tmp_path / "two.safetensors", {}, torch.float32)
    loaded = load_base(path, "cpu", "fp32")
    name = {"epsilon": "512", "v_prediction": "768-v"}[prediction]
    assert loaded.modelspec == f"stable-diffusion-v2-{name}"
    theirs: Any = StableDiffusionPipeline.from_pretrained(folder)
    theirs.set_progress_bar_config(disable=True)
    expected = theirs(
        "a red cat!", negative_prompt="house", num_inference_steps=2, guidance_scale=4.0,
        generator=torch.Generator().manual_seed(1),
    ).images[0]  # fmt: skip
    ours = np.frombuffer(image(loaded), np.uint8).astype(int)
    assert np.abs(ours - np.asarray(expected).astype(int).reshape(-1)).max() <= 2


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_diffusers_reads_our_file(
    family: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    import diffusers

    source: Base = request.getfixturevalue(family)
    given = {"unet": {k: t + 0.01 for k, t in source.denoiser.state_dict().items()}}
    path = saving.save_single(source, tmp_path / "a.safetensors", given, torch.float32)
    pipeline = getattr(diffusers, source.architecture.pipeline)
    theirs = pipeline.from_single_file(str(path), config=str(source.path), local_files_only=True)
    state = theirs.unet.state_dict()
    # their converter of names counts two layers per block: with one, it does not find all
    found = [name for name, tensor in given["unet"].items() if torch.equal(state[name], tensor)]
    assert len(found) == len(state)


# Files of other programs: no configuration in the header.


def conventional(family: str) -> tuple[dict[str, dict[str, Any]], dict[str, nn.Module]]:
    """Configurations with the published models' conventions at small widths, and their modules."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    size = len(tiny_tokenizer())
    text = {
        "vocab_size": size, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 1, "projection_dim": 64, "hidden_act": "quick_gelu",
        "bos_token_id": size - 2, "eos_token_id": size - 1,
    }  # fmt: skip
    unet: dict[str, Any] = {
        "block_out_channels": [64, 128], "layers_per_block": 2, "norm_num_groups": 32,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
        "cross_attention_dim": 64, "attention_head_dim": 8, "use_linear_projection": False,
    }  # fmt: skip
    if family != "sd1":
        unet |= {"use_linear_projection": True, "attention_head_dim": [1, 2]}
    configs = {
        "unet": unet,
        "vae": {
            "block_out_channels": [32, 64], "layers_per_block": 1, "latent_channels": 4,
            "down_block_types": ["DownEncoderBlock2D"] * 2,
            "up_block_types": ["UpDecoderBlock2D"] * 2, "norm_num_groups": 32,
            "scaling_factor": 0.13025 if family == "sdxl" else 0.18215,
        },
        "text_encoder": text | ({"hidden_act": "gelu"} if family == "sd2" else {}),
    }  # fmt: skip
    if family == "sdxl":
        configs["text_encoder_2"] = {**text, "hidden_act": "gelu", "projection_dim": 32}
        unet |= {
            "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
            "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
            "transformer_layers_per_block": [1, 2], "cross_attention_dim": 128,
            "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 6 * 256 + 32,
        }  # fmt: skip
    makers: dict[str, Callable[[], nn.Module]] = {
        "unet": lambda: UNet2DConditionModel(**configs["unet"]),
        "vae": lambda: AutoencoderKL(**configs["vae"]),
        "text_encoder": lambda: CLIPTextModel(CLIPTextConfig(**configs["text_encoder"])),
        "text_encoder_2": lambda: CLIPTextModelWithProjection(
            CLIPTextConfig(**configs["text_encoder_2"])
        ),
    }
    return configs, {name: _seeded(makers[name], seed) for seed, name in enumerate(configs)}


def original(family: str) -> tuple[dict[str, torch.Tensor], dict[str, nn.Module]]:
    """The tensors of a file by another program, with the leftovers such files have."""
    configs, modules = conventional(family)
    whole = single_file_layout.to_single_file(
        {name: module.state_dict() for name, module in modules.items()},
        ARCHITECTURES[family],
        ldm_names.UNetLayout.from_config(configs["unet"]),
        vae_blocks=2,
    )
    whole |= {"model_ema.decay": torch.ones(()), "alphas_cumprod": torch.ones(1000)}
    return whole, modules


@pytest.mark.parametrize("ending", ["safetensors", "ckpt", "old ckpt"])
@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_a_file_of_another_program(family: str, ending: str, tmp_path: Path) -> None:
    whole, modules = original(family)
    path = tmp_path / f"model.{ending.split()[-1]}"
    if ending == "safetensors":
        safetensors_file.write(path, whole)
    else:
        held = {"global_step": 840000, "state_dict": whole, "epoch": 3}
        torch.save(held, path, _use_new_zipfile_serialization=ending == "ckpt")
    (tmp_path / "model.toml").write_text('prediction_type = "epsilon"\nnative_size = 32\n')
    vocabulary.write(tiny_tokenizer(), tmp_path / "tokenizer")
    loaded = load_base(path, "cpu", "fp32")
    assert loaded.architecture.name == family
    found = states_of(loaded)
    for part, module in modules.items():
        for name, tensor in module.state_dict().items():
            assert torch.equal(found[part][name], tensor), (part, name)
    pads = {"sd1": ["<|endoftext|>"], "sd2": ["!"], "sdxl": ["<|endoftext|>", "!"]}[family]
    assert [tokenizer.pad_token for tokenizer in loaded.tokenizers] == pads
    # the same configuration means the same computation: heads and groups are in no shape
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    text = loaded.encode(["a red cat"])
    more = {}
    if family == "sdxl":
        ids = torch.tensor([[32, 32, 0, 0, 32, 32]], dtype=torch.float32)
        more = {"added_cond_kwargs": {"text_embeds": text.pooled, "time_ids": ids}}
    with torch.no_grad():
        ours = loaded.denoise(latents, torch.tensor([7]), text, (32, 32))
        theirs = modules["unet"](
            latents, torch.tensor([7]), encoder_hidden_states=text.embeds, **more
        ).sample
        assert torch.equal(ours, theirs)
        encoder = modules["text_encoder"](torch.tensor([[530, 65, 531]])).last_hidden_state
        mine = loaded.text_encoders[0](torch.tensor([[530, 65, 531]])).last_hidden_state
        assert torch.equal(encoder, mine)
        decoded = modules["vae"].decode(latents / modules["vae"].config.scaling_factor).sample
        assert torch.equal(loaded.decode_latents(latents), (decoded / 2 + 0.5).clamp(0, 1))


TRUE_TEXT = {
    "sd1": {"text_encoder": (768, 3072, 12, 12, 768, "quick_gelu")},
    "sd2": {"text_encoder": (1024, 4096, 24, 16, 1024, "gelu")},
    "sdxl": {
        "text_encoder": (768, 3072, 12, 12, 768, "quick_gelu"),
        "text_encoder_2": (1280, 5120, 32, 20, 1280, "gelu"),
    },
}


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_the_published_models_are_recognised_by_their_shapes(family: str) -> None:
    """Modules of true size without memory → the names and shapes of a published file → recipe."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    from benchmarks.shapes import UNETS

    unet = dict(UNETS["sdxl" if family == "sdxl" else "sd1"])
    if family == "sd2":
        unet |= {
            "cross_attention_dim": 1024, "use_linear_projection": True,
            "attention_head_dim": (5, 10, 20, 20),
        }  # fmt: skip
    keys = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "projection_dim", "hidden_act")  # fmt: skip
    texts = {
        part: dict(zip(keys, values, strict=True)) for part, values in TRUE_TEXT[family].items()
    }
    with torch.device("meta"):
        modules: dict[str, nn.Module] = {
            "unet": UNet2DConditionModel(**unet),
            "vae": AutoencoderKL(
                block_out_channels=(128, 256, 512, 512), layers_per_block=2,
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
            ),
            "text_encoder": CLIPTextModel(CLIPTextConfig(**texts["text_encoder"])),
        }  # fmt: skip
        if family == "sdxl":
            config = CLIPTextConfig(**texts["text_encoder_2"])
            modules["text_encoder_2"] = CLIPTextModelWithProjection(config)
    whole = single_file_layout.to_single_file(
        {name: module.state_dict() for name, module in modules.items()},
        ARCHITECTURES[family],
        ldm_names.UNetLayout.from_config(unet),
    )
    shapes = {name: tuple(tensor.shape) for name, tensor in whole.items()}
    found = infer_config.recipe(shapes, {"modelspec.prediction_type": "v"}, {})
    size = {"sd1": 512, "sd2": 768, "sdxl": 1024}[family]
    assert (found.family, found.prediction_type, found.native_size) == (
        family, "v_prediction", size,
    )  # fmt: skip
    derived = found.parts["unet"]
    for key, value in unet.items():
        if key != "sample_size":
            assert _listed(derived[key]) == _listed(value), key
    assert list(derived["block_out_channels"]) == list(unet["block_out_channels"])
    assert found.parts["vae"]["block_out_channels"] == [128, 256, 512, 512]
    assert found.parts["vae"]["scaling_factor"] == (0.13025 if family == "sdxl" else 0.18215)
    for part, values in texts.items():
        if family == "sd2":  # the last of OpenCLIP's layers is never read
            values = {**values, "num_hidden_layers": 23}
        assert {key: found.parts[part][key] for key in keys} == values
    made = single_file_loader.make(found)
    sizes = {name: tuple(t.shape) for name, t in made["unet"].state_dict().items()}
    assert sizes == {name: tuple(t.shape) for name, t in modules["unet"].state_dict().items()}


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value


# ε or v.


@pytest.mark.parametrize(
    ("metadata", "marker", "beside", "expected"),
    [
        ({}, False, "", "unknown"),
        ({"modelspec.prediction_type": "epsilon"}, False, "", "epsilon"),
        ({"modelspec.prediction_type": "v"}, False, "", "v_prediction"),
        ({"modelspec.architecture": "stable-diffusion-v2-768-v"}, False, "", "v_prediction"),
        ({}, True, "", "v_prediction"),
        ({}, True, 'prediction_type = "epsilon"', "epsilon"),
        ({"modelspec.prediction_type": "epsilon"}, False, 'prediction_type = "v"', "v_prediction"),
    ],
)
def test_who_says_what_is_predicted(
    tmp_path: Path, metadata: dict[str, str], marker: bool, beside: str, expected: str
) -> None:
    whole, _ = original("sd2")
    if marker:
        whole["v_pred"] = torch.empty(0)
    path = safetensors_file.write(tmp_path / "a.safetensors", whole, metadata)
    (tmp_path / "a.toml").write_text(beside)
    info = detect.describe(path)
    assert (info.family, info.prediction_type, info.problems) == ("sd2", expected, [])
    assert info.native_size == {"unknown": 0, "epsilon": 512, "v_prediction": 768}[expected]
    assert bool(info.assumed) == (expected == "unknown")


def test_an_sd1_file_that_says_nothing_is_taken_to_predict_noise(tmp_path: Path) -> None:
    path = safetensors_file.write(tmp_path / "a.safetensors", original("sd1")[0])
    info = detect.describe(path)
    assert (info.prediction_type, info.native_size) == ("epsilon", 512)
    assert "predict noise" in info.assumed[0]


def test_prediction_is_measured_where_nothing_says_it(starter: Path) -> None:
    """The starter predicts noise; the same network read as v (Salimans & Ho 2022) predicts v."""
    trained = load_base(starter, "cpu", "fp32")
    width = trained.text_encoders[0].config.hidden_size
    assert single_file_loader.measured_prediction(trained.denoiser, width) == "epsilon"

    class ReadAsV(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unet, self.config = trained.denoiser, trained.denoiser.config

        def forward(self, x: torch.Tensor, t: torch.Tensor, **more: Any) -> tuple[torch.Tensor]:
            noise = self.unet(x, t, **more)[0]
            betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
            kept = (1 - betas).cumprod(0)[999]
            image = ((x - (1 - kept).sqrt() * noise) / kept.sqrt()).clamp(-3, 3)
            return (kept.sqrt() * noise - (1 - kept).sqrt() * image,)

    assert single_file_loader.measured_prediction(ReadAsV(), width) == "v_prediction"


def test_a_measured_prediction_decides_the_native_size(tmp_path: Path) -> None:
    path = safetensors_file.write(tmp_path / "a.safetensors", original("sd2")[0])
    vocabulary.write(tiny_tokenizer("!"), tmp_path / "tokenizer")
    loaded = load_base(path, "cpu", "fp32")
    assert loaded.prediction_type in ("epsilon", "v_prediction")
    assert loaded.native_size == {"epsilon": 512, "v_prediction": 768}[loaded.prediction_type]
    assert loaded.scheduler_config["prediction_type"] == loaded.prediction_type


def test_zero_terminal_noise_is_marked(tmp_path: Path) -> None:
    whole, _ = original("sdxl")
    whole |= {"v_pred": torch.empty(0), "ztsnr": torch.empty(0)}
    path = safetensors_file.write(tmp_path / "a.safetensors", whole)
    recipe = detect.file_recipe(path)
    assert recipe.prediction_type == "v_prediction"
    assert recipe.scheduler["rescale_betas_zero_snr"] is True


# Where the vocabulary is.


def test_where_a_vocabulary_is_looked_for(sd1: Base, sd1_folder: Path, tmp_path: Path) -> None:
    bases, elsewhere = tmp_path / "bases", tmp_path / "elsewhere"
    path = saving.save_single(sd1, bases / "a.safetensors", {}, torch.float32)
    own = bases / "a.tokenizer"
    assert vocabulary.is_folder(own)
    size = len(sd1.tokenizers[0])
    assert vocabulary.find(path, size) == own
    shutil.move(own, elsewhere)
    with pytest.raises(MissingError) as caught:
        load_base(path, "cpu")
    text = str(caught.value)
    assert f"{size:,} words" in text and "vocab.json and merges.txt" in text
    assert str(bases / "tokenizer") in text
    assert vocabulary.find(path, size, elsewhere) == elsewhere
    assert load_base(path, "cpu", vocabulary=elsewhere).name == "a"
    for target in (bases / "tokenizer", bases):
        target.mkdir(exist_ok=True)
        for name in ("vocab.json", "merges.txt"):  # what other programs have
            shutil.copy(elsewhere / name, target / name)
        assert vocabulary.find(path, size) == target
        loaded = load_base(path, "cpu")
        assert (
            loaded.tokenizers[0]("a red cat").input_ids == sd1.tokenizers[0]("a red cat").input_ids
        )
        for name in ("vocab.json", "merges.txt"):
            (target / name).unlink()


def test_the_usual_vocabulary_comes_from_the_hub_s_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.families import hub

    asked: list[str] = []
    monkeypatch.setattr(hub, "vocabulary", lambda download: asked.append("hub"))
    with pytest.raises(MissingError, match="openai/clip-vit-large-patch14 on the hub"):
        vocabulary.find(tmp_path / "a.safetensors", vocabulary.USUAL_SIZE)
    with pytest.raises(MissingError):
        vocabulary.find(tmp_path / "a.safetensors", 532)
    assert asked == ["hub"], "an unusual vocabulary is not on the hub"
    monkeypatch.setattr(hub, "vocabulary", lambda download: tmp_path)
    assert vocabulary.find(tmp_path / "a.safetensors", vocabulary.USUAL_SIZE) == tmp_path


# What is no base, and what is broken.


def _without(whole: dict[str, torch.Tensor], start: str) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in whole.items() if not name.startswith(start)}


def _channels(whole: dict[str, torch.Tensor], count: int) -> dict[str, torch.Tensor]:
    first = "model.diffusion_model.input_blocks.0.0.weight"
    return {**whole, first: torch.zeros(64, count, 3, 3)}


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_an_inpainting_model_of_another_program(family: str, tmp_path: Path) -> None:
    whole = _channels(original(family)[0], 9)
    path = safetensors_file.write(tmp_path / "fill.safetensors", whole)
    info = detect.describe(path)
    assert (info.family, info.problems, info.inpainting) == (family, [], True)
    vocabulary.write(tiny_tokenizer(), tmp_path / "tokenizer")
    loaded = load_base(path, "cpu", "fp32")
    assert loaded.inpainting and loaded.latent_channels == 4
    assert loaded.denoiser.config.in_channels == 9
    if family == "sd1":
        assert len(image(loaded, width=32, height=32)) == 32 * 32 * 3
        copy = saving.save_single(loaded, tmp_path / "copy.safetensors", {}, torch.float32)
        assert detect.describe(copy).inpainting
        assert_same(loaded, load_base(copy, "cpu", "fp32"))


REFUSED: list[tuple[str, Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]], str]] = [
    ("sd1", lambda w: _channels(w, 8), "editing model"),
    ("sd1", lambda w: _channels(w, 13), "13 input channels"),
    ("sd1", lambda w: _without(w, "cond_stage_model."), "without a text encoder"),
    ("sd1", lambda w: _without(w, "first_stage_model."), "no VAE"),
    ("sd1", lambda w: {n: t for n, t in w.items() if n.startswith("first_stage")}, "It is a VAE"),
    ("sdxl", lambda w: {n.replace("embedders.1.", "embedders.0."): t
                        for n, t in _without(w, "conditioner.embedders.0.").items()}, "refiner"),
    ("sdxl", lambda w: {**w, "edm_mean": torch.zeros(4)}, "EDM"),
    ("sd1", lambda w: {"model.diffusion_model.joint_blocks.0.x": torch.zeros(1)}, "Diffusion 3"),
    ("sd1", lambda w: {"double_blocks.0.img_attn.qkv.weight": torch.zeros(1)}, "Flux"),
    ("sd1", lambda w: {**w, "control_model.x": torch.zeros(1)}, "ControlNet"),
    ("sd1", lambda w: {"lora_unet_a.lora_down.weight": torch.zeros(4, 8)}, "It is a LoRA"),
    ("sd1", lambda w: {"emb_params": torch.zeros(2, 768)}, "It is an embedding"),
    ("sd1", lambda w: {"conv.weight": torch.zeros(2, 3, 3, 3)}, "no Stable Diffusion model"),
    ("sdxl", lambda w: _without(w, "model.diffusion_model.label_emb"), "size conditioning"),
    ("sdxl", lambda w: _without(w, "model.diffusion_model.middle_block.1.transformer_blocks.1."),
     "unevenly deep"),
]  # fmt: skip


@pytest.mark.parametrize(("family", "change", "words"), REFUSED)
def test_what_is_no_base_is_named(
    tmp_path: Path, family: str, change: Callable[..., Any], words: str
) -> None:
    path = safetensors_file.write(tmp_path / "a.safetensors", change(original(family)[0]))
    info = detect.describe(path)
    assert info.family is None and words in " ".join(info.problems)
    with pytest.raises(FileError, match=words):
        load_base(path, "cpu")


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    vocabulary.write(tiny_tokenizer(), tmp_path / "tokenizer")
    return tmp_path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: _without(w, "model.diffusion_model.out.2.bias"), "lacks weights.*“unet”.*1 ten"),
        (lambda w: _without(w, "first_stage_model.quant_conv"), "“vae”.*2 tensors are missing"),
        (
            lambda w: {**w, "model.diffusion_model.time_embed.0.bias": torch.zeros(5)},
            "time_embed.0.bias” is 5, where the rest asks for 256",
        ),
        (
            lambda w: {**w, "model.diffusion_model.out.9.bias": torch.zeros(5)},
            "a part that the studio does not know",
        ),
    ],
)
def test_a_file_that_contradicts_itself(
    ready: Path, change: Callable[..., Any], words: str
) -> None:
    path = safetensors_file.write(ready / "a.safetensors", change(original("sd1")[0]))
    with pytest.raises(FileError, match=words) as caught:
        load_base(path, "cpu")
    assert "a.safetensors" in str(caught.value)


def test_text_encoder_of_another_model(ready: Path) -> None:
    whole, _ = original("sd1")
    keys = [name for name in whole if name.endswith("attn2.to_k.weight")]
    whole |= {name: torch.zeros(whole[name].shape[0], 96) for name in keys}
    whole |= {n.replace("to_k", "to_v"): whole[n] for n in keys}
    path = safetensors_file.write(ready / "a.safetensors", whole)
    with pytest.raises(FileError, match="wants text 96 wide, its text encoders give 64"):
        load_base(path, "cpu")


@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.9999])
def test_a_truncated_file(exported: Path, part: float) -> None:
    data = exported.read_bytes()
    exported.write_bytes(data[: int(len(data) * part)])
    assert detect.describe(exported).problems
    with pytest.raises(FileError) as caught:
        load_base(exported, "cpu")
    assert exported.name in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: "{",
        lambda c: "[]",
        lambda c: json.dumps({**c, "family": "sdxl"}),
        lambda c: json.dumps({k: v for k, v in c.items() if k != "vae"}),
        lambda c: json.dumps(
            {**c, "text_encoder": {**c["text_encoder"], "num_hidden_layers": 10**9}}
        ),
        lambda c: json.dumps({**c, "unet": {**c["unet"], "layers_per_block": [10**6]}}),
        lambda c: json.dumps({**c, "pad_tokens": []}),
    ],
)
def test_a_header_that_makes_no_sense(sd1: Base, tmp_path: Path, change: Any) -> None:
    path = saving.save_single(sd1, tmp_path / "a.safetensors", {}, torch.float16)
    tensors, metadata = safetensors_file.read_tensors(path)
    stated = json.loads(metadata[single_file_layout.CONFIGS])
    metadata[single_file_layout.CONFIGS] = change(stated)
    safetensors_file.write(path, tensors, metadata)
    with pytest.raises(FileError, match="configuration in its header makes no sense"):
        load_base(path, "cpu")


def test_a_header_decides_numbers_and_nothing_else(sd1: Base, tmp_path: Path) -> None:
    path = saving.save_single(sd1, tmp_path / "a.safetensors", {}, torch.float32)
    tensors, metadata = safetensors_file.read_tensors(path)
    stated = json.loads(metadata[single_file_layout.CONFIGS])
    stated["text_encoder"] |= {"attn_implementation": "somebody/kernels", "auto_map": {"x": "y"}}
    stated["unet"] |= {"_class_name": "Other", "encoder_hid_dim_type": "image_proj"}
    metadata[single_file_layout.CONFIGS] = json.dumps(stated)
    safetensors_file.write(path, tensors, metadata)
    assert_same(sd1, load_base(path, "cpu", "fp32"))


def test_a_pickle_with_code_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.write_text, (tmp_path / "ran", "x"))

    path = tmp_path / "a.ckpt"
    torch.save({"state_dict": {**original("sd1")[0], "x": Bomb()}}, path)
    with pytest.raises(FileError, match="nothing in it was run"):
        load_base(path, "cpu")
    assert not (tmp_path / "ran").exists()


def test_leftovers_of_a_training_program_are_left_out(ready: Path) -> None:
    """Original checkpoints carry numpy numbers and a callback's class as a key."""
    import sys
    import types

    whole, modules = original("sd1")
    name = "pytorch_lightning.callbacks.model_checkpoint"
    module = types.ModuleType(name)
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": name})  # type: ignore[attr-defined]
    parents = ("pytorch_lightning", "pytorch_lightning.callbacks")
    added = {parent: types.ModuleType(parent) for parent in parents} | {name: module}
    sys.modules.update(added)
    try:
        held = {
            "state_dict": whole, "callbacks": {module.ModelCheckpoint: {"best": np.float64(0.5)}},
        }  # fmt: skip
        torch.save(held, ready / "a.ckpt", pickle_protocol=2)
    finally:
        for parent in added:
            del sys.modules[parent]
    loaded = load_base(ready / "a.ckpt", "cpu", "fp32")
    assert torch.equal(loaded.denoiser.conv_in.weight, modules["unet"].conv_in.weight)
