"""Images of other programs: recognised, their settings ours, and what is missing said in words.

The metadata are written by hand from the key names that each program's own writer uses.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from studio.diffusion.samplers_by_name import sampler_of
from studio.infer import infotext
from studio.infer.foreign import READERS, restored
from studio.settings.training import GenerateSettings
from tests.infer.foreign_texts import GRAPH, WORKFLOW, item, record


@pytest.mark.parametrize(
    ("name", "schedule", "expected"),
    [
        ("DPM++ 2M Karras", "", "DPM++ 2M Karras"),
        ("DPM++ 2M", "Karras", "DPM++ 2M Karras"),
        ("dpmpp_2m_karras", "", "DPM++ 2M Karras"),
        ("dpmpp_2m", "karras", "DPM++ 2M Karras"),
        ("k_dpmpp_2m", "", "DPM++ 2M"),
        ("dpmpp_2m_k", "", "DPM++ 2M Karras"),
        ("dpmpp_2m_sde_gpu", "karras", "DPM++ 2M SDE Karras"),
        ("dpmpp_3m_sde", "normal", "DPM++ 3M SDE"),
        ("dpmpp_sde_gpu_karras", "", "DPM++ SDE Karras"),
        ("Euler a", "Automatic", "Euler a"),
        ("Euler Ancestral", "", "Euler a"),
        ("k_euler_ancestral", "native", "Euler a"),
        ("euler_a", "", "Euler a"),
        ("sample_k_euler", "", "Euler"),
        ("DPM2 a Karras", "", "DPM2 a Karras"),
        ("k_dpm_2_ancestral", "karras", "DPM2 a Karras"),
        ("kdpm_2", "", "DPM2"),
        ("uni_pc_bh2", "", "UniPC"),
        ("UniPC", "", "UniPC"),
        ("plms", "", "PLMS"),
        ("pndm", "", "PLMS"),
        ("k_lms", "", "LMS"),
        ("LCM", "", "LCM"),
        ("ddim", "uniform", "DDIM"),
        ("EulerAncestralDiscreteScheduler", "", "Euler a"),
        ("DPMSolverMultistepScheduler", "", "DPM++ 2M"),
        ("HEUN", "", "Heun"),
    ],
)
def test_samplers_as_others_spell_them(name: str, schedule: str, expected: str) -> None:
    assert sampler_of(name, schedule) == (expected, "")


@pytest.mark.parametrize(
    ("name", "schedule", "ours", "said"),
    [
        ("dpmpp_2s_ancestral", "", None, "“dpmpp_2s_ancestral” is not here"),
        ("Restart", "", None, "“Restart”"),
        ("euler", "sgm_uniform", "Euler", "“SGM uniform” is not here for Euler"),
        ("DPM++ 2M Exponential", "", "DPM++ 2M", "“exponential”"),
        ("UniPC", "Karras", "UniPC", "“karras” is not here for UniPC"),
        ("Euler", "Weird new one", "Euler", "“Weird new one”"),
    ],
)
def test_samplers_and_schedules_that_are_not_here(
    name: str, schedule: str, ours: str | None, said: str
) -> None:
    found, note = sampler_of(name, schedule)
    assert found == ours and said in note


def test_swarm_ui() -> None:
    facts = {
        "prompt": "a cat", "negativeprompt": "ugly", "model": "SDXL/sd_xl_base_1.0", "seed": 11,
        "steps": 25, "cfgscale": 6.5, "aspectratio": "1:1", "width": 1024, "height": 768,
        "sampler": "dpmpp_2m", "scheduler": "karras", "loras": ["style/neon", "b"],
        "loraweights": ["0.8", "0.5"], "vae": "sdxl_vae.safetensors", "clipstopatlayer": "-2",
        "refinermethod": "PostApply", "swarm_version": "0.9.4.0",
    }  # fmt: skip
    written = {"sui_image_params": facts, "sui_extra_data": {"date": "2025-01-01"}}
    found = record(parameters=written)
    assert found.program == "SwarmUI"
    assert found.settings == {
        "prompt": "a cat", "negative_prompt": "ugly", "seed": 11, "steps": 25, "guidance": 6.5,
        "width": 1024, "height": 768, "sampler": "DPM++ 2M Karras", "base": "sd_xl_base_1.0",
        "vae": "sdxl_vae.safetensors", "clip_skip": 1, "stack": [item("neon", 0.8), item("b", 0.5)],
    }  # fmt: skip
    assert found.notes == ["It was generated with a refining pass, which is left out."]
    old = {**facts, "loras": "neon,b", "loraweights": "0.8,0.5"}
    for place in ("UserComment", "Model"):
        again = record(**{place: {"sui_image_params": old}})
        assert again.settings == found.settings


def test_fooocus_own_scheme() -> None:
    facts = {
        "adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernautXL_v8", "base_model_hash": "a",
        "clip_skip": 2, "guidance_scale": 4.0, "loras": [["offset_1.0", 0.1, "abc"]],
        "metadata_scheme": "fooocus", "negative_prompt": "ugly", "performance": "Speed",
        "prompt": "a cat", "refiner_model": "None", "resolution": "(1152, 896)",
        "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "seed": "8731", "sharpness": 2.0,
        "steps": 30, "styles": "['Fooocus V2', 'Fooocus Sharp']", "vae": "Default (model)",
        "version": "Fooocus v2.5.0",
    }  # fmt: skip
    found = record(parameters=facts, fooocus_scheme="fooocus")
    assert found.program == "Fooocus"
    assert found.settings == {
        "prompt": "a cat", "negative_prompt": "ugly", "steps": 30, "guidance": 4.0, "seed": 8731,
        "width": 1152, "height": 896, "clip_skip": 1, "sampler": "DPM++ 2M SDE Karras",
        "base": "juggernautXL_v8", "stack": [item("offset_1.0", 0.1)],
    }  # fmt: skip
    assert any("Fooocus V2, Fooocus Sharp" in note for note in found.notes)
    assert record(UserComment=facts, MakerNote="fooocus").settings == found.settings
    older = {**facts, "lora_combined_1": "offset_1.0 : 0.1"}
    del older["loras"]
    assert record(parameters=older).settings == found.settings


def test_fooocus_scheme_of_a1111() -> None:
    text = (
        "a cat\nNegative prompt: ugly\nSteps: 30, Sampler: DPM++ 2M SDE Karras, Seed: 8731, "
        "Size: 1152x896, CFG scale: 4, Sharpness: 2, ADM Guidance: (1.5, 0.8, 0.3), "
        "Model: juggernautXL_v8, Performance: Speed, Styles: \"['Fooocus V2']\", "
        'Lora hashes: "offset: abc", Version: Fooocus v2.5.0'
    )
    found = record(parameters=text, fooocus_scheme="a1111")
    assert found.program == "Fooocus"
    assert found.settings["sampler"] == "DPM++ 2M SDE Karras" and found.settings["seed"] == 8731
    assert (found.settings["width"], found.settings["prompt"]) == (1152, "a cat")


@pytest.mark.parametrize(
    "loras",
    [
        "Loras:<a.safetensors:0.5>,<b:1>",
        [["4852686128", "0.5 - a.safetensors"], ["2", "1 - b.safetensors"]],
        [["a.safetensors", 0.5], ["b", "1"]],
    ],
)
def test_ruined_fooocus(loras: Any) -> None:
    facts = {
        "Prompt": "a cat", "Negative": "ugly", "steps": 30, "cfg": 8.5, "width": 1152, "height": 896,
        "seed": 3864674281, "sampler_name": "dpmpp_2m_sde_gpu", "scheduler": "karras",
        "base_model_name": "sd_xl_base_1.0_0.9vae.safetensors", "loras": loras, "start_step": 0,
        "denoise": None, "clip_skip": 1, "software": "RuinedFooocus",
    }  # fmt: skip
    found = record(parameters=facts)
    assert found.program == "RuinedFooocus" and found.notes == []
    assert found.settings == {
        "prompt": "a cat", "negative_prompt": "ugly", "steps": 30, "guidance": 8.5, "width": 1152,
        "height": 896, "seed": 3864674281, "clip_skip": 0, "sampler": "DPM++ 2M SDE Karras",
        "base": "sd_xl_base_1.0_0.9vae", "stack": [item("a", 0.5), item("b", 1.0)],
    }  # fmt: skip


NOVEL = {
    "prompt": "{{a cat}}, [dog] (x), 1.5::blue::", "steps": 28, "height": 1216, "width": 832,
    "scale": 5.0, "seed": 99, "noise_schedule": "karras", "sampler": "k_euler_ancestral",
    "uc": "{ugly}", "sm": True, "cfg_rescale": 0.0, "request_type": "PromptGenerateRequest",
}  # fmt: skip


def test_novel_ai() -> None:
    chunks = {
        "Title": "AI generated image", "Description": "{{a cat}}", "Software": "NovelAI",
        "Source": "Stable Diffusion XL C1E1DE52",
    }  # fmt: skip
    found = record(**chunks, Comment=NOVEL)
    assert found.program == "NovelAI"
    assert found.settings == {
        "prompt": r"(a cat:1.103), (dog:0.9524) \(x\), (blue:1.5)", "negative_prompt": "(ugly:1.05)",
        "steps": 28, "guidance": 5.0, "seed": 99, "width": 832, "height": 1216, "sampler": "Euler a",
    }  # fmt: skip
    assert any("SMEA" in note for note in found.notes)
    assert any("C1E1DE52" in note for note in found.notes)
    # WebP: the same as one table in EXIF, its comment a text or a table
    for comment in (json.dumps(NOVEL), NOVEL):
        for place in ("UserComment", "alpha channel"):
            again = record(**{place: {**chunks, "Comment": comment}})
            assert again.program == "NovelAI" and again.settings == found.settings


def test_novel_ai_of_version_four() -> None:
    facts = {
        **NOVEL, "prompt": "", "uc": "", "v4_prompt": {"caption": {"base_caption": "two people",
        "char_captions": [{"char_caption": "girl", "centers": [{"x": 0.5, "y": 0.5}]}, {"char_caption":
        "boy"}]}}, "v4_negative_prompt": {"caption": {"base_caption": "bad", "char_captions": []}},
    }  # fmt: skip
    found = record(Software="NovelAI", Source="NovelAI Diffusion V4.5 F", Comment=facts)
    assert found.settings["prompt"] == "two people, girl, boy"
    assert found.settings["negative_prompt"] == "bad"
    assert any("characters" in note for note in found.notes)


def test_invoke_ai() -> None:
    facts = {
        "app_version": "5.0.0", "generation_mode": "sdxl_txt2img", "positive_prompt":
        "a (red cat)1.3, big++ semi-realistic", "negative_prompt": "ugly-", "width": 1024,
        "height": 768, "seed": 77, "cfg_scale": 6, "steps": 30, "scheduler": "dpmpp_2m_k",
        "clip_skip": 1, "model": {"key": "k", "name": "Juggernaut XL v9", "base": "sdxl"}, "loras": [
        {"model": {"name": "neon"}, "weight": 0.75}], "ipAdapters": [{"x": 1}],
    }  # fmt: skip
    found = record(invokeai_metadata=facts, invokeai_graph={"nodes": {}})
    assert found.program == "InvokeAI"
    assert found.settings == {
        "prompt": "a (red cat:1.3), (big:1.21) semi-realistic", "negative_prompt": "(ugly:0.9)",
        "steps": 30, "guidance": 6.0, "seed": 77, "clip_skip": 1, "width": 1024, "height": 768,
        "sampler": "DPM++ 2M Karras", "base": "Juggernaut XL v9", "stack": [item("neon", 0.75)],
    }  # fmt: skip
    assert found.notes == ["It was generated with an IP adapter, which is left out."]
    three = {**facts, "model": {"model_name": "Juggernaut XL v9"}, "loras": [
        {"lora": {"model_name": "neon"}, "weight": 0.75}]}  # fmt: skip
    assert record(invokeai_metadata=three).settings == found.settings


def test_invoke_ai_before_version_three() -> None:
    image = {
        "prompt": [{"prompt": "a cat [ugly, blurry] in a hat", "weight": 1.0}], "steps": 50,
        "cfg_scale": 7.5, "height": 512, "width": 640, "seed": 123, "type": "txt2img", "sampler":
        "k_lms",
    }  # fmt: skip
    facts = {"model": "stable diffusion", "model_weights": "stable-diffusion-1.5",
             "app_version": "2.2.5", "image": image}  # fmt: skip
    expected = {
        "prompt": "a cat in a hat", "negative_prompt": "ugly, blurry", "steps": 50, "guidance": 7.5,
        "seed": 123, "width": 640, "height": 512, "sampler": "LMS",
    }  # fmt: skip
    dream = '"a cat [ugly, blurry] in a hat" -s 50 -S 123 -W 640 -H 512 -C 7.5 -A k_lms'
    found = record(sd_metadata=facts, Dream=dream)
    assert found.program == "InvokeAI"
    assert found.settings == {**expected, "base": "stable-diffusion-1.5"}
    assert record(Dream=dream).settings == expected
    assert record(Dream=dream.replace("-s 50", "-s50")).settings == expected
    assert "cannot be read" in record(invokeai_graph={"nodes": {}}).notes[0]


def test_hugging_face_spaces_and_easy_diffusion() -> None:
    facts = {
        "prompt": "1girl", "negative_prompt": "ugly", "resolution": "832 x 1216", "guidance_scale": 7,
        "num_inference_steps": 28, "seed": 42, "sampler": "Euler a", "sdxl_style": "(None)",
        "use_upscaler": None, "Model": {"Model": "Animagine XL 3.1", "Model hash": "e3c47aedb0"},
    }  # fmt: skip
    found = record(metadata=facts)
    assert found.program == "a Hugging Face space"
    assert found.settings == {
        "prompt": "1girl", "negative_prompt": "ugly", "steps": 28, "guidance": 7.0, "seed": 42,
        "width": 832, "height": 1216, "sampler": "Euler a", "base": "Animagine XL 3.1",
    }  # fmt: skip
    assert record(parameters=facts).settings == found.settings
    easy = {
        "prompt": "a cat", "negative_prompt": "", "seed": "42", "num_inference_steps": "25",
        "guidance_scale": "7.5", "width": "512", "height": "768", "sampler_name": "euler_a",
        "use_stable_diffusion_model": "models/sd-v1-5.ckpt", "use_lora_model": "neon", "lora_alpha":
        "0.5",
    }  # fmt: skip
    one = record(UserComment=easy)
    assert one.program == "Easy Diffusion" and one.settings["stack"] == [item("neon", 0.5)]
    assert (one.settings["base"], one.settings["seed"]) == ("sd-v1-5", 42)
    assert record(**easy).settings == one.settings  # one chunk each


def test_draw_things() -> None:
    facts = {
        "c": "a “cat” & dog", "uc": "ugly", "steps": 20, "scale": 7.5, "seed": 3, "size": "512x768",
        "sampler": "DPM++ 2M Karras", "model": "sd_v1.5_f16.ckpt", "strength": 1, "lora": [
        {"model": "neon_lora_f16.ckpt", "weight": 0.6}],
    }  # fmt: skip
    comment = json.dumps(facts).replace("&", "&amp;").replace('"', "&quot;")
    packet = (
        f"<x:xmpmeta><exif:UserComment><rdf:Alt><rdf:li xml:lang='x-default'>{comment}</rdf:li>"
        "</rdf:Alt></exif:UserComment></x:xmpmeta>"
    )
    found = record(XMP=packet)
    assert found.program == "Draw Things"
    assert found.settings == {
        "prompt": "a “cat” & dog", "negative_prompt": "ugly", "steps": 20, "guidance": 7.5, "seed": 3,
        "width": 512, "height": 768, "sampler": "DPM++ 2M Karras", "base": "sd_v1.5_f16",
        "stack": [item("neon_lora_f16", 0.6)],
    }  # fmt: skip


BLOCK = (
    "a cat\nNegative prompt: ugly\nSteps: 20, Sampler: {}, CFG scale: 7, Seed: {}, Size: 64x96{}"
)


@pytest.mark.parametrize(
    ("more", "texts", "program"),
    [
        (", Version: v1.10.1", {}, "A1111's web UI"),
        (", Version: f2.0.1v1.10.1-previous-1-gabc", {}, "Forge"),
        (", App: SD.Next, Version: 4d91c", {}, "SD.Next"),
        (", Version: ComfyUI", {}, "ComfyUI"),
        ("", {"prompt": '{"1": {}}'}, "ComfyUI"),
        ("", {"parameters-json": "{}", "smproj": "{}"}, "Stability Matrix"),
        ("", {}, "a program that writes A1111's block"),
    ],
)
def test_programs_that_write_the_block(more: str, texts: dict[str, str], program: str) -> None:
    found = restored({**texts, "parameters": BLOCK.format("Euler Ancestral", 5, more)})
    assert found is not None and found.program == program
    assert found.settings["sampler"] == "Euler a" and found.notes == []


def test_what_of_a_block_is_left_out_is_said() -> None:
    more = (
        ", Hires upscale: 2, Hires upscaler: 4x-UltraSharp, ADetailer model: face.pt, Refiner: x, ENSD: 31337, "
        'ControlNet 0: "Module: canny, Weight: 1", Version: v1.9.4'
    )
    found = record(parameters=BLOCK.format("DPM++ 2S a", 2**40 + 7, more))
    assert found.settings["seed"] == 7 and "sampler" not in found.settings
    said = " ".join(found.notes)
    for word in (
        "DPM++ 2S a",
        "4x-UltraSharp",
        "ADetailer",
        "refiner",
        "ENSD",
        "ControlNet",
        str(2**40 + 7),
    ):
        assert word in said


def test_long_and_random_seeds() -> None:
    """torch's generator on the CPU looks at the lower 32 bits: the noise is the same."""
    import torch

    long = 1127 * 2**32 + 5
    first, second = (
        torch.randn(8, generator=torch.Generator().manual_seed(seed)) for seed in (long, 5)
    )
    assert torch.equal(first, second)
    found = record(parameters={"sui_image_params": {"prompt": "a", "seed": long}})
    assert found.settings["seed"] == 5 and str(long) in found.notes[0]
    random_seed = record(parameters={"sui_image_params": {"prompt": "a", "seed": -1}})
    assert "seed" not in random_seed.settings and "random" in random_seed.notes[0]


def test_values_out_of_range_are_named() -> None:
    facts = {"prompt": "a", "steps": 900, "cfgscale": "many", "width": 99999, "height": 64}
    found = record(parameters={"sui_image_params": facts})
    assert found.settings == {"prompt": "a", "height": 64}
    assert len(found.notes) >= 2 and "900" in found.notes[0]


def test_json_of_nobody_and_prompts_alone() -> None:
    found = record(parameters={"Prompt": "a cat", "Steps": 9, "cfg": 3, "odd": [1]})
    assert found.program == "an unknown program"
    assert (found.settings["prompt"], found.settings["steps"]) == ("a cat", 9)
    assert record(parameters="just a cat, 3:2").settings["prompt"] == "just a cat, 3:2"
    for nothing in ({}, {"parameters": "{}"}, {"Software": "Paint"}, {"comment": "shot on film"}):
        assert restored(nothing) is None


def test_any_text_is_read_without_error() -> None:
    """Tables of every program with parts exchanged, dropped and doubled."""
    chosen = random.Random(11)
    odd = [
        None,
        "",
        "x",
        -1,
        1e308,
        [],
        {},
        [["a"]],
        True,
        {"a": [1, {}]},
        "9" * 400,
        [1, 0],
        ["1", 0],
    ]

    def mutated(value: Any) -> Any:
        if chosen.random() < 0.08:
            return chosen.choice(odd)
        if isinstance(value, dict):
            return {k: mutated(v) for k, v in value.items() if chosen.random() > 0.05}
        if isinstance(value, list):
            return [mutated(v) for v in value if chosen.random() > 0.05]
        return value

    seeds: list[dict[str, Any]] = [
        {"parameters": {"sui_image_params": {"prompt": "a", "loras": ["b"], "loraweights": [1]}}},
        {"parameters": {"Prompt": "a", "loras": [["b", 1]], "software": "RuinedFooocus"}},
        {"Software": "NovelAI", "Comment": {**NOVEL, "v4_prompt": {"caption": {"char_captions": [{}]}}}},
        {"invokeai_metadata": {"positive_prompt": "a", "model": {"name": "b"}, "loras": [{"model": {}}]}},
        {"sd-metadata": {"image": {"prompt": [{"prompt": "a"}]}, "model_weights": "x"}},
        {"metadata": {"prompt": "a", "guidance_scale": 3, "Model": {"Model": "x"}}},
        {"prompt": GRAPH}, {"workflow": WORKFLOW},
    ]  # fmt: skip
    for _ in range(300):
        for seed in seeds:
            texts = {
                key: value if isinstance(value, str) else json.dumps(mutated(value))
                for key, value in seed.items()
            }
            if found := restored(texts):
                known = {k: v for k, v in found.settings.items() if k not in ("base", "stack")}
                GenerateSettings.parse(known)
                assert all(isinstance(note, str) and note for note in found.notes)
    assert len({title for title, _ in READERS}) == len(READERS)


@pytest.mark.parametrize(
    "stack, taken",
    [
        ('[{"file": "x.safetensors", "strength": 1.0}]', True), ("[]", None),
        ('[{"file": "x.safetensors", "strength": 1e999}]', False), ('[{"file": "x.safe', False),
        ('[{"file": "x", "strength": 1.0, "blocks": {"IN01": "a"}}]', False), ("[3]", False),
    ],
)  # fmt: skip
def test_a_stack_that_cannot_be_read_is_not_lost_silently(stack: str, taken: bool | None) -> None:
    block = f"Steps: 2, Sampler: DDIM, CFG scale: x, Size: 64x64, Stack: {json.dumps(stack)}"
    record = restored({"parameters": f"a cat\n{block}, Version: {infotext.VERSION}"})
    assert record is not None and record.program == infotext.VERSION
    assert ("stack" in record.settings) == bool(taken)
    said = ["CFG scale “x” is nothing the studio takes."]
    if taken is False:
        said.append("Its stack cannot be read: the files that it was generated with are left out.")
    assert record.notes == said
