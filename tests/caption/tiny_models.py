"""Tiny captioning models of the classes people use, random, made and saved by transformers itself.

Owns: one function per class. Nothing is downloaded. Strong weights, so that images make a
difference in words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
WIDTH = 16
CHAT = (
    "{% for message in messages %}<s>{{ message['role'] }} "
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}PLACE{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}</s>{% endfor %}{% if add_generation_prompt %}<s>assistant{% endif %}"
)


def noise(width: int, height: int) -> Image.Image:
    """The same grey noise every time."""
    values = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    return Image.fromarray(values)


def tokenizer(*special: str, **named: str) -> Any:
    """A tokenizer of single letters, some words, and the special tokens a class wants."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    marks = ["<pad>", "<unk>", "<s>", "</s>", *special]
    words = [*marks, *(f"word{letter}" for letter in _LETTERS), *_LETTERS, "user", "assistant"]
    inner = Tokenizer(models.WordLevel({w: n for n, w in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", unk_token="<unk>", bos_token="<s>",
        eos_token="</s>", extra_special_tokens=list(special), **named,
    )  # fmt: skip


def _text(words: Any, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(words), "hidden_size": WIDTH, "intermediate_size": WIDTH,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2,
        "max_position_embeddings": 512, "initializer_range": 0.5,
        "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, **more,
    }  # fmt: skip


def _vision(**more: Any) -> dict[str, Any]:
    return {
        "hidden_size": WIDTH, "intermediate_size": WIDTH, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 16, "patch_size": 8, "initializer_range": 0.5,
        **more,
    }  # fmt: skip


def _saved(folder: Path, model: Any, processor: Any) -> Path:
    model.generation_config.pad_token_id = 0
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _clip_images() -> Any:
    import transformers

    return transformers.CLIPImageProcessorPil(
        size={"height": 16, "width": 16}, crop_size={"height": 16, "width": 16}
    )


def make_llava(folder: Path) -> Path:
    """LLaVA, the class of JoyCaption."""
    import transformers as t

    torch.manual_seed(0)
    words = tokenizer("<image>")
    config = t.LlavaConfig(
        vision_config=t.CLIPVisionConfig(**_vision(projection_dim=WIDTH)),
        text_config=t.LlamaConfig(**_text(words)),
        image_token_index=words.convert_tokens_to_ids("<image>"), image_seq_length=4,
        vision_feature_layer=-1,
    )  # fmt: skip
    processor = t.LlavaProcessor(
        _clip_images(), words, patch_size=8, vision_feature_select_strategy="default",
        chat_template=CHAT.replace("PLACE", "<image>"), num_additional_image_tokens=1,
    )  # fmt: skip
    return _saved(folder, t.LlavaForConditionalGeneration(config), processor)


def make_blip2(folder: Path) -> Path:
    """BLIP-2 with an OPT."""
    import transformers as t

    torch.manual_seed(0)
    words = tokenizer("<image>")
    config = t.Blip2Config(
        vision_config=_vision(),
        qformer_config={
            "hidden_size": WIDTH, "intermediate_size": WIDTH, "num_hidden_layers": 2,
            "num_attention_heads": 2, "encoder_hidden_size": WIDTH, "vocab_size": 8,
        },
        text_config={"model_type": "opt", "word_embed_proj_dim": WIDTH, "ffn_dim": WIDTH,
                     "init_std": 0.5, **_text(words)},
        num_query_tokens=4, image_token_index=words.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    images = t.BlipImageProcessorPil(size={"height": 16, "width": 16})
    processor = t.Blip2Processor(images, words, num_query_tokens=4)
    return _saved(folder, t.Blip2ForConditionalGeneration(config), processor)


def make_florence2(folder: Path) -> Path:
    """Florence-2, answering words that name a task."""
    import transformers as t

    torch.manual_seed(0)
    words = tokenizer("<image>", image_token="<image>")
    config = t.Florence2Config(
        text_config={
            "model_type": "bart", "vocab_size": len(words), "d_model": WIDTH,
            "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
            "decoder_attention_heads": 2, "encoder_ffn_dim": WIDTH, "decoder_ffn_dim": WIDTH,
            "max_position_embeddings": 256, "init_std": 0.5, "pad_token_id": 0,
            "bos_token_id": 2, "eos_token_id": 3, "decoder_start_token_id": 3,
            "forced_bos_token_id": None, "forced_eos_token_id": 3,
        },
        vision_config={
            "embed_dim": [WIDTH] * 4, "depths": [1] * 4, "num_heads": [2] * 4,
            "num_groups": [2] * 4, "window_size": 2, "projection_dim": WIDTH,
            "max_position_embeddings": 16, "max_temporal_embeddings": 4,
        },
        image_token_id=words.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    images = t.CLIPImageProcessorPil(
        size={"height": 64, "width": 64}, do_center_crop=False,
    )  # fmt: skip
    images.image_seq_length = 5
    processor = t.Florence2Processor(images, words)
    return _saved(folder, t.Florence2ForConditionalGeneration(config), processor)


def make_idefics3(folder: Path) -> Path:
    """Idefics3, whose images become several tiles."""
    import transformers as t

    torch.manual_seed(0)
    marks = ("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
    words = tokenizer(*marks)
    config = t.Idefics3Config(
        vision_config={**_vision(image_size=32), "model_type": "idefics3_vision"},
        text_config={"model_type": "llama", **_text(words)},
        image_token_id=words.convert_tokens_to_ids("<image>"), scale_factor=2, pad_token_id=0,
    )  # fmt: skip
    images = t.Idefics3ImageProcessorPil(
        size={"longest_edge": 32}, max_image_size={"longest_edge": 32}, do_image_splitting=False
    )
    chat = CHAT.replace("PLACE", "<image>")
    processor = t.Idefics3Processor(images, words, image_seq_len=4, chat_template=chat)
    return _saved(folder, t.Idefics3ForConditionalGeneration(config), processor)


def _qwen(folder: Path, version: str, vision: dict[str, Any]) -> Path:
    import transformers as t

    torch.manual_seed(0)
    marks: Sequence[str] = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    words = tokenizer(*marks)
    start, end, image, video = words.convert_tokens_to_ids(list(marks))
    config = getattr(t, f"{version}Config")(
        text_config={**_text(words), "rope_parameters": {
            "rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0,
        }},
        vision_config=vision, image_token_id=image, video_token_id=video,
        vision_start_token_id=start, vision_end_token_id=end,
    )  # fmt: skip
    chat = CHAT.replace("PLACE", "<|vision_start|><|image_pad|><|vision_end|>")
    model = getattr(t, f"{version}ForConditionalGeneration")(config)
    model.generation_config.pad_token_id = 0
    model.save_pretrained(folder)
    images = t.Qwen2VLImageProcessorPil(
        patch_size=4, merge_size=2, temporal_patch_size=2, min_pixels=64, max_pixels=1024
    )
    images.save_pretrained(folder)
    words.chat_template = chat
    words.save_pretrained(folder)
    return folder


def make_qwen2_vl(folder: Path) -> Path:
    """Qwen2-VL: its image processor and tokenizer, as a folder without torchvision's part."""
    vision = {
        "depth": 1, "embed_dim": WIDTH, "hidden_size": WIDTH, "num_heads": 2, "mlp_ratio": 1,
        "patch_size": 4, "spatial_merge_size": 2, "temporal_patch_size": 2,
    }  # fmt: skip
    return _qwen(folder, "Qwen2VL", vision)


def make_qwen25_vl(folder: Path) -> Path:
    """Qwen2.5-VL, in the same way."""
    vision = {
        "depth": 1, "hidden_size": WIDTH, "out_hidden_size": WIDTH, "num_heads": 2,
        "intermediate_size": WIDTH, "patch_size": 4, "spatial_merge_size": 2,
        "temporal_patch_size": 2, "window_size": 16, "fullatt_block_indexes": [0],
    }  # fmt: skip
    return _qwen(folder, "Qwen2_5_VL", vision)


def make_smolvlm(folder: Path) -> Path:
    """SmolVLM: an Idefics3 with a part for videos, which is left out here."""
    import transformers as t

    torch.manual_seed(0)
    marks = ("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
    words = tokenizer(*marks)
    config = t.SmolVLMConfig(
        vision_config={**_vision(image_size=32), "model_type": "smolvlm_vision"},
        text_config={"model_type": "llama", **_text(words)},
        image_token_id=words.convert_tokens_to_ids("<image>"), scale_factor=2, pad_token_id=0,
    )  # fmt: skip
    model = t.SmolVLMForConditionalGeneration(config)
    model.generation_config.pad_token_id = 0
    model.save_pretrained(folder)
    t.SmolVLMImageProcessorPil(
        size={"longest_edge": 32}, max_image_size={"longest_edge": 32}, do_image_splitting=False
    ).save_pretrained(folder)
    words.chat_template = CHAT.replace("PLACE", "<image>")
    words.save_pretrained(folder)
    (folder / "processor_config.json").write_text(
        json.dumps({"processor_class": "SmolVLMProcessor", "image_seq_len": 4})
    )
    return folder


ANSWERING = {
    "llava": make_llava,
    "idefics3": make_idefics3,
    "smolvlm": make_smolvlm,
    "qwen2-vl": make_qwen2_vl,
    "qwen2.5-vl": make_qwen25_vl,
}
"""Classes that are asked a question in a conversation."""
OTHERS = {"blip-2": make_blip2, "florence-2": make_florence2}


def tiny_clipseg(folder: Path) -> Path:
    """CLIPSeg, which marks what words name."""
    import transformers

    words = tokenizer()
    config = transformers.CLIPSegConfig(
        text_config=_text(words), vision_config=_vision(), projection_dim=WIDTH,
        extract_layers=[0, 0, 0], reduce_dim=8, conditional_layer=0, decoder_num_attention_heads=2,
        decoder_intermediate_size=WIDTH,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.CLIPSegForImageSegmentation(config)
    model.save_pretrained(folder)
    transformers.CLIPSegProcessor(_clip_images(), words).save_pretrained(folder)
    return folder
