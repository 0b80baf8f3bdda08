"""The same folder, prompt, seed and file give the same image as diffusers' own pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from studio.core.size import Size
from studio.families.base import Base
from studio.formats import embedding, ldm_names
from studio.infer import engine
from studio.infer.init_latents import image_latents
from studio.settings.training import GenerateSettings, Sampler, StackItem
from tests.tiny import write_tiny_lora

# what diffusers says about numpy 2 and about its own future is not ours to fix
pytestmark = pytest.mark.filterwarnings("ignore")
SDE = {"algorithm_type": "sde-dpmsolver++"}
KARRAS = {"use_karras_sigmas": True}
CLASSES: dict[Sampler, tuple[str, dict[str, Any]]] = {
    "DDIM": ("DDIMScheduler", {"clip_sample": False}),
    "Euler": ("EulerDiscreteScheduler", {}),
    "Euler a": ("EulerAncestralDiscreteScheduler", {}),
    "DPM++ 2M Karras": ("DPMSolverMultistepScheduler", KARRAS),
    "DPM++ 2M SDE": ("DPMSolverMultistepScheduler", SDE),
    "DPM++ 3M SDE Karras": ("DPMSolverMultistepScheduler", SDE | KARRAS | {"solver_order": 3}),
    "DPM++ SDE": ("DPMSolverSinglestepScheduler", SDE | {"lower_order_final": True}),
    "DPM++ SDE Karras": (
        "DPMSolverSinglestepScheduler", SDE | KARRAS | {"lower_order_final": True}
    ),
    "UniPC": ("UniPCMultistepScheduler", {}),
    "Heun": ("HeunDiscreteScheduler", {}),
    "DPM2": ("KDPM2DiscreteScheduler", {}),
    "DPM2 a Karras": ("KDPM2AncestralDiscreteScheduler", KARRAS),
    "PLMS": ("PNDMScheduler", {"skip_prk_steps": True}),
    "DDPM": ("DDPMScheduler", {"clip_sample": False}),
    "TCD": ("TCDScheduler", {"clip_sample": False}),
}  # fmt: skip
TEXT = ("q_proj", "k_proj", "v_proj", "out_proj")
PROMPT, NEGATIVE, SEED = "a zorp, red cat", "house", 5


def pipeline(folder: Path, sampler: Sampler) -> Any:
    import diffusers

    made = diffusers.DiffusionPipeline.from_pretrained(folder)
    made.set_progress_bar_config(disable=True)
    name, options = CLASSES[sampler]
    made.scheduler = getattr(diffusers, name).from_config(made.scheduler.config, **options)
    return made


def theirs(made: Any, prompt: str = PROMPT) -> np.ndarray:
    # their pipelines tell TCD not to draw noise, unless told otherwise: 0.3 is its own default
    noise = {"eta": 0.3} if type(made.scheduler).__name__ == "TCDScheduler" else {}
    image = made(
        prompt,
        negative_prompt=NEGATIVE,
        num_inference_steps=4,
        guidance_scale=4.0,
        generator=torch.Generator().manual_seed(SEED),
        output_type="pil",
        **noise,
    ).images[0]
    return np.asarray(image).astype(int)


def ours(base: Base, sampler: Sampler, *files: Path, prompt: str = PROMPT) -> np.ndarray:
    settings = GenerateSettings(
        prompt=prompt,
        negative_prompt=NEGATIVE,
        seed=SEED,
        count=1,
        steps=4,
        guidance=4.0,
        sampler=sampler,
        stack=[StackItem(path=str(path)) for path in files],
    )
    return np.asarray(engine.generate(base, settings)[0].image).astype(int)


@pytest.mark.parametrize(
    ("family", "sampler"),
    [
        pytest.param(
            family, name,
            marks=() if family == "sd1" or name in ("DDIM", "Euler a") else pytest.mark.slow,
        )
        for name in CLASSES for family in ("sd1", "sd2", "sdxl")
    ],
)  # fmt: skip
def test_the_base_alone(family: str, sampler: Sampler, request: pytest.FixtureRequest) -> None:
    base: Base = request.getfixturevalue(family)
    expected = theirs(pipeline(base.path, sampler))
    assert np.abs(ours(base, sampler) - expected).max() <= 2


FROM_IMAGES: list[Sampler] = ["DDIM", "Euler", "DPM++ 2M Karras", "DPM++ 2M SDE", "Heun", "UniPC"]


@pytest.mark.parametrize("family", ["sd1", pytest.param("sd2", marks=pytest.mark.slow)])
@pytest.mark.parametrize("sampler", FROM_IMAGES)
@pytest.mark.parametrize("denoising", [0.5, 1.0])
def test_starting_from_an_image(
    family: str, sampler: Sampler, denoising: float, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Theirs is given our latents of the image: it would draw them at random from the VAE."""
    import diffusers

    base: Base = request.getfixturevalue(family)
    noise = np.random.default_rng(3).integers(0, 255, (8, 8, 3), np.uint8)
    Image.fromarray(noise).resize((32, 32)).save(tmp_path / "a.png")
    start = image_latents(base, str(tmp_path / "a.png"), Size(32, 32))
    made = diffusers.StableDiffusionImg2ImgPipeline(**pipeline(base.path, sampler).components)
    made.set_progress_bar_config(disable=True)
    image = made(
        PROMPT, start, strength=denoising, negative_prompt=NEGATIVE, num_inference_steps=6,
        guidance_scale=4.0, generator=torch.Generator().manual_seed(SEED), output_type="pil",
    ).images[0]  # fmt: skip
    settings = GenerateSettings(
        prompt=PROMPT, negative_prompt=NEGATIVE, seed=SEED, count=1, steps=6, guidance=4.0,
        sampler=sampler, image=str(tmp_path / "a.png"), denoising_strength=denoising,
    )  # fmt: skip
    found = np.asarray(engine.generate(base, settings)[0].image).astype(int)
    assert np.abs(found - np.asarray(image).astype(int)).max() <= 2


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
@pytest.mark.parametrize(
    ("layers", "component"),
    [
        (("to_q", "to_k", "to_v", "to_out.0", "proj_in", "ff.net.0.proj", "conv1"), "unet"),
        ((*TEXT, "fc1", "fc2"), "text"),
    ],
)
def test_a_kohya_lora_at_strength_one(
    family: str,
    layers: tuple[str, ...],
    component: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    base: Base = request.getfixturevalue(family)
    components = tuple(name for name in base.components() if name.startswith(component))
    path = write_tiny_lora(tmp_path / "a.safetensors", base, layers, components)
    made = pipeline(base.path, "Euler")
    made.load_lora_weights(str(path))
    expected, found = theirs(made), ours(base, "Euler", path)
    assert np.abs(found - expected).max() <= 2
    assert np.abs(found - ours(base, "Euler")).max() > 10  # the file does something


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_two_loras_with_weights_and_a_word(
    family: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A whole stack: UNet and text encoders, a weight below zero, and a new word in the prompt."""
    base: Base = request.getfixturevalue(family)
    layers, parts = (*TEXT, "to_q", "to_v", "proj_in"), tuple(base.components())
    files = [
        write_tiny_lora(tmp_path / f"{k}.safetensors", base, layers, parts, k, 0.15)
        for k in range(2)
    ]
    strengths = [0.7, -0.4]
    made = pipeline(base.path, "DDIM" if family == "sd1" else "Euler")
    for k, path in enumerate(files):
        made.load_lora_weights(str(path), adapter_name=f"a{k}")
    made.set_adapters(["a0", "a1"], strengths)
    stack = [
        StackItem(path=str(path), strength=strength)
        for path, strength in zip(files, strengths, strict=True)
    ]
    generator = torch.Generator().manual_seed(3)
    rows = [torch.randn(2, width, generator=generator) * 0.2 for width in base.text_widths]
    if family == "sd1":
        word = embedding.write_diffusers(tmp_path / "zorp.safetensors", {"zorp": rows[0]})
        made.load_textual_inversion(str(word), token="zorp")
    else:
        word = embedding.write_sdxl(tmp_path / "zorp.safetensors", *rows)
        made.load_textual_inversion(rows[0], token="zorp")
        made.load_textual_inversion(
            rows[1], token="zorp", text_encoder=made.text_encoder_2, tokenizer=made.tokenizer_2
        )
    settings = GenerateSettings(
        prompt=PROMPT, negative_prompt=NEGATIVE, seed=SEED, count=1, steps=4,
        sampler="DDIM" if family == "sd1" else "Euler", stack=[*stack, StackItem(path=str(word))],
    )  # fmt: skip

    def generated(stack: list[StackItem]) -> np.ndarray:
        images = engine.generate(base, settings.model_copy(update={"stack": stack}))
        return np.asarray(images[0].image).astype(int)

    found = generated(settings.stack)
    assert np.abs(found - theirs(made)).max() <= 2
    for left_out in range(3):  # every file has its part in the image
        assert (
            np.abs(
                found - generated([i for k, i in enumerate(settings.stack) if k != left_out])
            ).max()
            > 5
        )


@pytest.mark.parametrize("vectors", [1, 3])
def test_a_textual_inversion(sd1: Base, tmp_path: Path, vectors: int) -> None:
    rows = torch.randn(vectors, 32, generator=torch.Generator().manual_seed(3)) * 0.2
    path = embedding.write_diffusers(tmp_path / "thing.safetensors", {"zorp": rows})
    made = pipeline(sd1.path, "DDIM")
    made.load_textual_inversion(str(path), token="zorp")
    found = ours(sd1, "DDIM", path)
    assert np.abs(found - theirs(made)).max() <= 2
    assert not np.array_equal(found, ours(sd1, "DDIM"))


def test_an_sdxl_lora_has_the_original_names(sdxl: Base, tmp_path: Path) -> None:
    """Ours and most others: `input_blocks_…`, as the original code calls its modules."""
    from safetensors.torch import load_file, save_file

    layers = ("to_q", "to_v", "proj_in", "conv1", "conv_shortcut", "downsamplers.0.conv")
    path = write_tiny_lora(tmp_path / "a.safetensors", sdxl, layers)
    tensors = load_file(path)
    assert any("middle_block_1_transformer_blocks_0" in key for key in tensors)
    made = pipeline(sdxl.path, "Euler")
    made.load_lora_weights(str(path))
    found = ours(sdxl, "Euler", path)
    assert np.abs(found - theirs(made)).max() <= 2
    # files written before had diffusers' names, and act alike
    layout = ldm_names.UNetLayout.from_config(sdxl.denoiser.config)
    names = [name for name, _ in sdxl.denoiser.named_modules()]
    short = {
        str(ldm_names.diffusers_to_ldm_unet(name, layout)).replace(".", "_"): name for name in names
    }
    earlier = {}
    for key, tensor in tensors.items():
        module, _, part = key.removeprefix("lora_unet_").partition(".")
        earlier[f"lora_unet_{short[module].replace('.', '_')}.{part}"] = tensor
    assert any("mid_block_attentions_0" in key for key in earlier)
    save_file(earlier, tmp_path / "b.safetensors")
    assert np.array_equal(ours(sdxl, "Euler", tmp_path / "b.safetensors"), found)
