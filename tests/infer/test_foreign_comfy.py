"""ComfyUI's graphs: followed from the first sampler, in both forms in which they are saved."""

from __future__ import annotations

import json
from typing import Any

from tests.infer.foreign_texts import EXPECTED, GRAPH, WORKFLOW, item, node, record


def test_comfy_ui_graph_that_ran() -> None:
    found = record(prompt=GRAPH, workflow={"nodes": [], "links": []})
    assert found.program == "ComfyUI"
    assert found.settings == EXPECTED
    assert found.notes == [
        f"The seed {2**40 + 9} is longer than 32 bits; its lower ones, 9, make the same noise where "
        "it was made on the CPU."
    ]
    # WebP and JPEG: a word before the JSON, in EXIF
    for key in ("Make", "Model", "ImageDescription"):
        assert record(**{key: "prompt:" + json.dumps(GRAPH)}).settings == EXPECTED


def test_comfy_ui_graph_that_was_shown() -> None:
    assert record(workflow=WORKFLOW).settings == EXPECTED
    assert record(Make="Workflow: " + json.dumps(WORKFLOW)).settings == EXPECTED


def changed(**nodes: Any) -> dict[str, Any]:
    return {**GRAPH, **{key.removeprefix("n"): value for key, value in nodes.items()}}


def test_comfy_ui_other_samplers() -> None:
    advanced = node(
        "KSamplerAdvanced", add_noise="enable", noise_seed=4, steps=12, cfg=5.5, sampler_name="euler",
        scheduler="normal", start_at_step=0, end_at_step=10000, return_with_leftover_noise="disable",
        model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0],
    )  # fmt: skip
    found = record(prompt=changed(n3=advanced)).settings
    assert [found[key] for key in ("seed", "steps", "guidance", "sampler")] == [4, 12, 5.5, "Euler"]
    custom = changed(
        n3=node("SamplerCustomAdvanced", noise=["20", 0], guider=["21", 0], sampler=["22", 0],
                sigmas=["23", 0], latent_image=["5", 0]),
        n20=node("RandomNoise", noise_seed=["24", 0]),
        n21=node("CFGGuider", cfg=3.5, model=["11", 0], positive=["6", 0], negative=["7", 0]),
        n22=node("KSamplerSelect", sampler_name="euler_ancestral"),
        n23=node("BasicScheduler", scheduler="normal", steps=14, denoise=1, model=["11", 0]),
        n24=node("PrimitiveInt", value=6),
    )  # fmt: skip
    found = record(prompt=custom).settings
    assert [found[key] for key in ("seed", "steps", "guidance", "sampler")] == [
        6,
        14,
        3.5,
        "Euler a",
    ]
    assert found["prompt"] == EXPECTED["prompt"] and found["stack"] == EXPECTED["stack"]
    karras = changed(
        n3=node("SamplerCustom", add_noise=True, noise_seed=8, cfg=4, model=["4", 0], positive=["6", 0],
                negative=["7", 0], sampler=["22", 0], sigmas=["23", 0], latent_image=["5", 0]),
        n22=node("KSamplerSelect", sampler_name="dpmpp_2m"), n23=node("KarrasScheduler", steps=9),
    )  # fmt: skip
    found = record(prompt=karras).settings
    assert [found[key] for key in ("seed", "steps", "sampler")] == [8, 9, "DPM++ 2M Karras"]


def test_comfy_ui_second_passes_links_and_foreign_nodes() -> None:
    graph = changed(
        n3={**GRAPH["3"], "inputs": {**GRAPH["3"]["inputs"], "seed": ["30", 0], "positive": ["33", 0]}},
        n30=node("Seed (rgthree)", seed=5),
        n31=node("LatentUpscale", samples=["3", 0], width=1024, height=1536),
        n32=node("KSampler", seed=1, steps=9, cfg=1, sampler_name="euler", scheduler="normal",
                 denoise=0.5, model=["4", 0], positive=["6", 0], negative=["7", 0],
                 latent_image=["31", 0]),
        n33=node("ControlNetApplyAdvanced", strength=1, positive=["34", 0], negative=["7", 0]),
        n34=node("ConditioningConcat", conditioning_to=["6", 0], conditioning_from=["35", 0]),
        n35=node("CLIPTextEncode", text=["36", 0], clip=["4", 1]),
        n36=node("PrimitiveStringMultiline", value="a hat"),
    )  # fmt: skip
    found = record(prompt=graph)
    assert (found.settings["seed"], found.settings["steps"], found.settings["width"]) == (
        5,
        20,
        512,
    )
    assert found.settings["prompt"] == EXPECTED["prompt"] + " BREAK a hat"
    said = " ".join(found.notes)
    assert "2 samplers" in said and "ControlNetApplyAdvanced" in said


def test_comfy_ui_from_an_image_and_stacks_of_loras() -> None:
    graph = changed(
        n5=node("VAEEncode", pixels=["40", 0], vae=["4", 2]), n40=node("LoadImage", image="cat.png"),
        n11=node("Power Lora Loader (rgthree)", model=["4", 0], clip=["4", 1],
                 lora_1={"on": True, "lora": "one.safetensors", "strength": 0.5},
                 lora_2={"on": False, "lora": "two.safetensors", "strength": 1}),
    )  # fmt: skip
    graph["3"]["inputs"]["denoise"] = 0.55
    try:
        found = record(prompt=graph)
    finally:
        graph["3"]["inputs"]["denoise"] = 1
    assert found.settings["denoising_strength"] == 0.55 and "width" not in found.settings
    assert found.settings["stack"] == [item("one", 0.5)]
    assert any("another image" in note for note in found.notes)


def test_comfy_ui_texts_that_are_put_together() -> None:
    graph = changed(
        n6=node("CLIPTextEncode", text=["40", 0], clip=["12", 0]),
        n40=node("StringConcatenate", string_a=["41", 0], string_b="in a hat", delimiter=", "),
        n41=node("ShowText|pysssss", text=["42", 0]),
        n42=node("ImpactWildcardProcessor", wildcard_text="{a|b}", populated_text="a cat", seed=1),
        n7=node("CLIPTextEncodeSDXL", text_g="ugly", text_l="bad", width=64, height=64, clip=["4", 1]),
    )  # fmt: skip
    found = record(prompt=graph)
    assert found.settings["prompt"] == "a cat, in a hat"
    assert found.settings["negative_prompt"] == "ugly"
    assert any("second text encoder" in note for note in found.notes)
    ring = changed(n6=node("CLIPTextEncode", text=["6", 0]))
    assert "prompt" not in record(prompt=ring).settings


def test_comfy_ui_loaders_that_do_everything() -> None:
    loader = node(
        "Efficient Loader", ckpt_name="base.safetensors", vae_name="Baked VAE", clip_skip=-2,
        lora_name="neon.safetensors", lora_model_strength=0.5, lora_clip_strength=0.25,
        positive="a cat", negative="ugly", empty_latent_width=512, empty_latent_height=640,
    )  # fmt: skip
    sampler = node(
        "KSampler (Efficient)", seed=7, steps=11, cfg=6, sampler_name="euler_ancestral", scheduler=
        "normal", denoise=1, model=["1", 0], positive=["1", 1], negative=["1", 2],
        latent_image=["1", 3],
    )  # fmt: skip
    found = record(prompt={"1": loader, "2": sampler}).settings
    assert found == {
        "seed": 7, "steps": 11, "guidance": 6.0, "sampler": "Euler a", "prompt": "a cat",
        "negative_prompt": "ugly", "clip_skip": 1, "base": "base", "width": 512, "height": 640,
        "stack": [item("neon", 0.5, 0.25)],
    }  # fmt: skip


def test_comfy_ui_graphs_that_cannot_be_followed() -> None:
    ring = changed(n6=node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["6", 0]))
    assert "prompt" not in record(prompt=ring).settings
    nothing = record(prompt={"1": node("SomebodysSampler", text="a")})
    assert nothing.program == "ComfyUI" and "No sampler" in nothing.notes[0]
