"""The kinds of captioner: one row each, which the page, `--help`, docs and the loader read.

Owns: the table. Refuses to know: how any of them works. Imports nothing that has to be installed.

A new kind is a class that is a `Describes` with a `load` (see `caption.source`), and its row here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One row."""

    name: str
    """In settings and records."""
    title: str
    says: str
    """What it is for, in a sentence."""
    loader: str
    """`module:Class`; the class has `load(settings, means)`."""
    options: tuple[str, ...] = ()
    """The fields of `CaptionerSettings` that it looks at."""
    names: str = ""
    """What `model` is called on the page; empty where nothing is to be named."""
    examples: tuple[str, ...] = ()
    """Values of `model` that are known to exist."""
    whole: bool = False
    """Whether every answer stands as it is: it is chosen from a list, so it cannot be noise."""
    device: bool = True
    """Whether it computes on this machine, and so waits for its turn on the device."""
    at_once: int = 8
    """Images in a batch; fewer when they do not fit into memory."""


_ASKED = ("question", "answer", "max_tokens")

KINDS: tuple[Kind, ...] = (
    Kind(
        "starter",
        "Starter",
        "Ships with the studio; knows the sample datasets and nothing else.",
        "studio.caption.image_to_text:ImageToText",
        options=("answer", "max_tokens"),
    ),
    Kind(
        "model",
        "Vision-language model",
        "BLIP, BLIP-2, GIT, Florence-2, LLaVA (JoyCaption), Qwen-VL, Idefics3, SmolVLM and others that "
        "transformers loads itself: safetensors, without code of their own.",
        "studio.caption.image_to_text:ImageToText",
        options=("model", "download", *_ASKED),
        names="Folder or Hugging Face id",
        examples=(
            "Salesforce/blip-image-captioning-large",
            "fancyfeast/llama-joycaption-beta-one-hf-llava",
            "Qwen/Qwen2.5-VL-3B-Instruct",
            "florence-community/Florence-2-large",
        ),
    ),
    Kind(
        "tagger",
        "Tagger",
        "WD taggers (v3, EVA-02 …): model.onnx and selected_tags.csv give Danbooru tags. Needs "
        "onnxruntime.",
        "studio.caption.tagger:Tagger",
        options=(
            "model", "download", "answer", "threshold", "character_threshold", "ratings", "exclude",
            "spaces", "escape",
        ),
        names="Folder or Hugging Face id",
        examples=("SmilingWolf/wd-eva02-large-tagger-v3", "SmilingWolf/wd-vit-tagger-v3"),
        whole=True,
    ),
    Kind(
        "endpoint",
        "Endpoint",
        "An OpenAI-compatible server that you name: Ollama, LM Studio, vLLM. Your images are sent to it.",
        "studio.caption.endpoint:Endpoint",
        options=("address", "model", *_ASKED, "image_side", "timeout"),
        names="Name of the model there",
        examples=("llava", "qwen2.5vl", "gemma3"),
        device=False,
        at_once=1,
    ),
)  # fmt: skip


def find(name: str) -> Kind | None:
    """The row of this name."""
    return next((kind for kind in KINDS if kind.name == name), None)
