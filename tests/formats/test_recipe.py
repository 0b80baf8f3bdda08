"""Settings read back from finished files: our own exactly, kohya's as far as they are ours too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.core.errors import FileError, MissingError
from studio.formats import safetensors_file
from studio.library import presets

DOWN = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight"
TENSORS = {DOWN: torch.ones(4, 8), DOWN.replace("down.w", "up.w"): torch.ones(8, 4)}
KOHYA = {
    "ss_network_module": "networks.lora", "ss_network_dim": "32", "ss_network_alpha": "16.0",
    "ss_network_args": "{}", "ss_output_name": "cat", "ss_sd_model_name": "v1-5-pruned.safetensors",
    "ss_learning_rate": "0.001", "ss_unet_lr": "0.0001", "ss_text_encoder_lr": "5e-05",
    "ss_optimizer": "bitsandbytes.optim.adamw.AdamW8bit(weight_decay=0.1)",
    "ss_lr_scheduler": "cosine", "ss_lr_warmup_steps": "100", "ss_max_train_steps": "2000",
    "ss_batch_size_per_device": "2", "ss_gradient_accumulation_steps": "4", "ss_seed": "42",
    "ss_mixed_precision": "bf16", "ss_min_snr_gamma": "None", "ss_noise_offset": "0.05",
    "ss_resolution": "(512, 768)", "ss_max_grad_norm": "0.5", "ss_gradient_checkpointing": "True",
    "ss_caption_dropout_rate": "0.1",
}  # fmt: skip


def written(path: Path, tensors: dict[str, torch.Tensor] = TENSORS, **changes: Any) -> Path:
    return safetensors_file.write(path / "x.safetensors", tensors, {**KOHYA, **changes})


def written_with(path: Path, config: str) -> Path:
    """A file that carries the studio's own settings."""
    changes: dict[str, Any] = {"studio.config": config}
    return written(path, **changes)


def test_kohyas_keys_become_settings(tmp_path: Path) -> None:
    like = presets.like_file(written(tmp_path))
    config = like.config
    assert like.notes == []
    assert (config.method, config.name, config.base, config.seed) == (
        "lora", "cat", "v1-5-pruned", 42,
    )  # fmt: skip
    options = config.options
    assert (options["rank"], options["alpha"], options["target"], options["text_encoder"]) == (
        32, 16.0, "attention", False,
    )  # fmt: skip
    train = config.train
    assert (train.learning_rate, train.text_learning_rate, train.steps) == (1e-4, None, 2000)
    assert (train.optimizer, train.schedule, train.warmup_steps) == ("adamw-8bit", "cosine", 100)
    assert (train.batch_size, train.gradient_accumulation) == (2, 4)
    assert (train.clip_gradient_norm, train.gradient_checkpointing) == (0.5, "on")
    assert (config.precision, config.loss.noise_offset) == ("bf16", 0.05)
    assert config.loss.min_snr_gamma == 5.0, "None says nothing"
    assert config.data.resolution == 627 and config.data.caption_dropout == 0.1


def test_layers_and_text_encoder_are_read_off_the_tensors(tmp_path: Path) -> None:
    names = (
        "lora_unet_input_blocks_1_1_proj_in", "lora_unet_down_blocks_0_resnets_0_conv1",
        "lora_te1_text_model_encoder_layers_0_self_attn_q_proj",
    )  # fmt: skip
    tensors = {
        f"{name}.lora_{side}.weight": torch.ones(4, 4) for name in names for side in ("up", "down")
    }
    arguments = json.dumps({"conv_dim": "8", "conv_alpha": "2", "dropout": "0.25"})
    path = written(tmp_path, tensors, ss_network_args=arguments)
    config = presets.like_file(path).config
    options = config.options
    assert options["target"] == "attention + MLP + conv" and options["text_encoder"] is True
    assert (options["conv_rank"], options["conv_alpha"], options["dropout"]) == (8, 2.0, 0.25)
    assert config.train.text_learning_rate == 5e-5


def test_what_the_studio_does_not_have_is_named(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        ss_network_args='{"algo": "lokr", "factor": "8"}', ss_optimizer="my.module.Wonder()",
        ss_seed="many", ss_network_dim="100000",
    )  # fmt: skip
    like = presets.like_file(path)
    notes = " ".join(like.notes)
    for said in (
        "network is lokr",
        "factor = 8",
        "train.optimizer",
        "seed is “many”",
        "options.rank",
    ):
        assert said in notes, notes
    assert (like.config.train.optimizer, like.config.seed, like.config.options["rank"]) == (
        "adamw", 1, 8,
    )  # fmt: skip


def test_our_own_settings_come_back_whole(tmp_path: Path) -> None:
    config = presets.make_config(
        {
            "method": "hypernetwork", "name": "x", "train": {"steps": 7},
            "sample": {"prompts": ["a cat"]}, "options": {"activation": "mish"},
        }
    )  # fmt: skip
    own = json.dumps(config.model_dump(exclude_none=True))
    assert presets.like_file(written_with(tmp_path, own)) == presets.Like(config, [])


def test_a_setting_of_a_newer_version_costs_only_itself(tmp_path: Path) -> None:
    own = json.dumps({"method": "lora", "train": {"steps": 7, "magic": 1}, "options": {"rank": 3}})
    like = presets.like_file(written_with(tmp_path, own))
    assert (like.config.train.steps, like.config.options["rank"]) == (7, 3)
    assert len(like.notes) == 1 and "train.magic" in like.notes[0]


@pytest.mark.parametrize("own", ["{", "[]", '"x"', "null"])
def test_broken_own_settings_fall_back_to_kohyas(tmp_path: Path, own: str) -> None:
    like = presets.like_file(written_with(tmp_path, own))
    assert like.config.options["rank"] == 32


def test_files_that_say_nothing_are_refused(tmp_path: Path) -> None:
    silent = safetensors_file.write(tmp_path / "silent.safetensors", TENSORS)
    with pytest.raises(FileError, match=r"does not say how it was trained.*left out for privacy"):
        presets.like_file(silent)
    other = written(tmp_path, {"64.k.linear.0.weight": torch.ones(2)})  # a private hypernetwork
    with pytest.raises(FileError, match="does not say"):
        presets.like_file(other)
    torch.save({"a": torch.ones(2)}, tmp_path / "x.pt")
    with pytest.raises(FileError, match=r"Only \.safetensors files carry"):
        presets.like_file(tmp_path / "x.pt")
    with pytest.raises(MissingError):
        presets.like_file(tmp_path / "gone.safetensors")


def test_kohyas_other_optimizers_schedules_and_losses(tmp_path: Path) -> None:
    path = written(
        tmp_path, ss_optimizer="prodigyopt.prodigy.Prodigy(d_coef=1.0)",
        ss_lr_scheduler="cosine_with_restarts", ss_ip_noise_gamma="0.1",
        ss_zero_terminal_snr="True", ss_debiased_estimation="True", ss_loss_type="smooth_l1",
    )  # fmt: skip
    like = presets.like_file(path)
    train, loss = like.config.train, like.config.loss
    assert like.notes == []
    assert (train.optimizer, train.schedule) == ("prodigy", "cosine-restarts")
    assert (loss.input_perturbation, loss.zero_terminal_snr) == (0.1, True)
    assert (loss.weighting, loss.type) == ("debiased", "smooth-l1")
    other = written(tmp_path, ss_optimizer="bitsandbytes.optim.lion.Lion8bit")
    assert presets.like_file(other).config.train.optimizer == "lion-8bit"
