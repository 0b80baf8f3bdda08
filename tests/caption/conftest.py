"""Tiny captioning models of the kinds people use, randomly initialised, saved like real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _bert_tokenizer() -> Any:
    from transformers import BertTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_LETTERS, *(f"##{c}" for c in _LETTERS)]
    return BertTokenizer(vocab={word: index for index, word in enumerate(words)})


def _image_processor(kind: str) -> Any:
    import transformers

    # The processors that need no torchvision carry "Pil" in their name.
    cls = getattr(transformers, f"{kind}ImageProcessorPil", None) or getattr(
        transformers, f"{kind}ImageProcessor"
    )
    return cls(size={"height": 32, "width": 32}, crop_size={"height": 32, "width": 32})


_VISION = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 16,
    "initializer_range": 0.5,  # strong enough that images make a difference in words
}
_TEXT = {
    "vocab_size": 57,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 24,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "sep_token_id": 3,
    "eos_token_id": 3,
    "initializer_range": 1.0,
}


def make_blip(folder: Path) -> Path:
    """A BLIP with room for 24 tokens."""
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipProcessor

    torch.manual_seed(0)
    text = {**_TEXT, "encoder_hidden_size": 32}
    model = BlipForConditionalGeneration(
        BlipConfig(text_config=text, vision_config=_VISION, projection_dim=16)
    )
    model.save_pretrained(folder)
    BlipProcessor(_image_processor("Blip"), _bert_tokenizer()).save_pretrained(folder)
    return folder


def make_git(folder: Path) -> Path:
    """A GIT: one decoder that sees image and words in a row."""
    from transformers import GitConfig, GitForCausalLM, GitProcessor

    torch.manual_seed(0)
    model = GitForCausalLM(GitConfig(vision_config=_VISION, **_TEXT))
    model.save_pretrained(folder)
    GitProcessor(_image_processor("CLIP"), _bert_tokenizer()).save_pretrained(folder)
    return folder


KINDS: dict[str, Callable[[Path], Path]] = {"blip": make_blip, "git": make_git}


@pytest.fixture(scope="session", params=list(KINDS))
def model_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved captioning model of each kind in turn."""
    return KINDS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def blip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved tiny BLIP."""
    return make_blip(tmp_path_factory.mktemp("blip"))


@pytest.fixture(scope="session")
def git_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved tiny GIT; random as it is, it does not repeat itself."""
    return make_git(tmp_path_factory.mktemp("git"))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of five plain images of different colours, named 1 to 10 with gaps."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name, colour in zip(
        ("1", "2", "3", "9", "10"), ("red", "lime", "blue", "white", "black"), strict=True
    ):
        Image.new("RGB", (40, 30), colour).save(folder / f"{name}.png")
    return folder
