"""What the Stable Diffusions with a U-Net and CLIP have in common.

Owns: the layers of U-Net and CLIP, the noise schedule, usual learning rates.
Sources: Rombach et al. 2022, Podell et al. 2023, the configurations published with both; the
learning rates are those of the published training scripts and guides.
"""

from __future__ import annotations

from studio.architectures.record import Denoiser, Layers, TextEncoder

CLIP_LAYERS = Layers(
    attention=("q_proj", "k_proj", "v_proj", "out_proj"), feed_forward=("fc1", "fc2")
)
CLIP_L = TextEncoder(
    width=768,
    kohya="lora_te",
    spellings=("te", "te1", "text_encoder", "clip_l", "clip_h"),
    layers=CLIP_LAYERS,
    class_name="CLIPTextModel",
    single_file="cond_stage_model.transformer.",
    pad="<|endoftext|>",
)
UNET = Denoiser(
    name="unet",
    title="UNet",
    class_name="UNet2DConditionModel",
    signs={},
    layers=Layers(
        attention=("to_q", "to_k", "to_v", "to_out.0"),
        feed_forward=("ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"),
        # what kohya's scripts train when they are given a rank for convolutions
        convolution=(
            "conv1", "conv2", "conv_shortcut", "time_emb_proj", "downsamplers.0.conv",
            "upsamplers.0.conv",
        ),
    ),
    starts=(
        "down_blocks.", "mid_block.", "up_blocks.", "conv_in", "conv_out", "time_emb", "add_emb",
        "input_blocks.", "middle_block.", "output_blocks.", "out.", "label_emb.",
    ),
    original_layout=True,
    inpainting=True,
)  # fmt: skip
SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "timestep_spacing": "leading",
}
LEARNING_RATES = {
    "lora": (1e-5, 1e-3),
    "textual-inversion": (5e-4, 1e-2),
    "hypernetwork": (1e-6, 5e-5),
    "dreambooth": (5e-7, 1e-5),
}
DISTILLED = {
    "model.diffusion_model.time_embed.cond_proj.weight": (
        "a distilled model that is told the guidance scale (LCM)"
    )
}
