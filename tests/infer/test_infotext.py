"""Text blocks of images: ours come back whole, others' are understood."""

from __future__ import annotations

import random
import string
from dataclasses import replace
from typing import get_args

import pytest

from studio.infer import infotext
from studio.infer.infotext import Facts, Used, parse, read, write
from studio.settings.training import GenerateSettings, Sampler, StackItem, SteeringSettings

FACTS = Facts(model="starter", model_hash="0123456789", size=(64, 96))


def restored(settings: GenerateSettings, facts: Facts = FACTS) -> GenerateSettings:
    return GenerateSettings.parse(
        {**read(write(settings, facts)), "count": settings.count, "base": settings.base}
    )


def test_the_form_other_programs_read() -> None:
    settings = GenerateSettings(
        prompt="a cat", negative_prompt="a dog", steps=12, guidance=6.5, seed=7, sampler="Euler a"
    )
    assert write(settings, FACTS) == (
        "a cat\nNegative prompt: a dog\nSteps: 12, Sampler: Euler a, CFG scale: 6.5, Seed: 7, "
        "Size: 64x96, Model hash: 0123456789, Model: starter, Version: Concept Studio"
    )


def test_round_trip_of_hostile_prompts() -> None:
    letters = string.printable.replace("\r", "").replace("\x0b", "").replace("\x0c", "") + "é猫“”"
    chosen = random.Random(3)
    for _ in range(300):
        prompt, negative = (
            "".join(chosen.choices(letters, k=chosen.randint(0, 60))).strip() for _ in "ab"
        )
        settings = GenerateSettings(
            prompt=prompt, negative_prompt=negative, width=64, height=96, clip_skip=2,
            sampler="DPM++ 2M Karras", guidance=7.25, seed=2**32 - 1,
        )  # fmt: skip
        assert restored(settings) == settings


def test_round_trip_of_a_stack() -> None:
    items = [
        StackItem(path='/home/me/odd, "name": 1.safetensors', strength=-0.5, text_strength=0.0),
        StackItem(path="/home/me/word.pt"),
    ]
    used = [
        Used(items[0], "lora", 'odd, "name": 1', "aaaaaaaaaaaa"),
        Used(items[1], "embedding", "word", "bbbbbbbbbbbb"),
    ]
    facts = Facts("my model, v2", "0123456789", (64, 64), used)
    text = write(GenerateSettings(prompt="x", stack=items), facts)
    assert "/home/me" not in text
    pairs = parse(text).pairs
    assert pairs["TI hashes"] == "word: bbbbbbbbbbbb"
    assert pairs["Model"] == "my model, v2"
    assert read(text)["stack"] == [
        {"path": 'odd, "name": 1.safetensors', "strength": -0.5, "text_strength": 0.0},
        {"path": "word.pt", "strength": 1.0, "text_strength": None},
    ]


# Written out from the documented form of A1111's web UI, old and new versions.
A1111 = (
    "masterpiece, (cat:1.2), <lora:fluffy:0.8>\n"
    "second line, [red|blue] ratio 3:2\n"
    "Negative prompt: lowres, bad hands\n"
    "EasyNegative, text: none\n"
    "Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1234567890, Size: 512x768, "
    "Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Variation seed: 99, "
    "Variation seed strength: 0.25, Denoising strength: 0.45, Clip skip: 2, "
    'Lora hashes: "fluffy: 0123456789ab, other: ba9876543210", '
    'TI hashes: "EasyNegative: 66a7279a88dd", '
    'ADetailer prompt: "a \\"face\\", detailed\\nsharp", Version: v1.7.0'
)
HIRES = (
    "a castle\nSteps: 20, Sampler: DPM++ 2M SDE, Schedule type: Karras, CFG scale: 5.5, Seed: 3, "
    "Size: 832x1216, Model hash: 31e35c80fc, Model: sd_xl_base_1.0, VAE hash: 235745af8d, "
    "VAE: sdxl_vae.safetensors, Denoising strength: 0.35, Emphasis: No norm, Hires upscale: 1.5, "
    "Hires steps: 10, Hires upscaler: 4x-UltraSharp, RNG: CPU, Version: v1.9.4"
)


def test_a_block_of_a1111() -> None:
    block = parse(A1111)
    assert block.prompt == (
        "masterpiece, (cat:1.2), <lora:fluffy:0.8>\nsecond line, [red|blue] ratio 3:2"
    )
    assert block.negative_prompt == "lowres, bad hands\nEasyNegative, text: none"
    assert block.pairs["Lora hashes"] == "fluffy: 0123456789ab, other: ba9876543210"
    assert block.pairs["TI hashes"] == "EasyNegative: 66a7279a88dd"
    assert block.pairs["ADetailer prompt"] == 'a "face", detailed\nsharp'
    assert read(A1111) == {
        "prompt": block.prompt,
        "negative_prompt": block.negative_prompt,
        "steps": 28,
        "sampler": "DPM++ 2M Karras",
        "guidance": 7.0,
        "seed": 1234567890,
        "variation_seed": 99,
        "variation_strength": 0.25,
        "denoising_strength": 0.45,
        "width": 512,
        "height": 768,
        "base": "v1-5-pruned-emaonly",
        "clip_skip": 1,
    }


def test_a_second_pass_at_a_larger_size() -> None:
    assert read(HIRES) == {
        "prompt": "a castle",
        "negative_prompt": "",
        "steps": 20,
        "sampler": "DPM++ 2M SDE Karras",
        "guidance": 5.5,
        "seed": 3,
        "width": 832,
        "height": 1216,
        "base": "sd_xl_base_1.0",
        "vae": "sdxl_vae.safetensors",
        "hires": {"upscale": 1.5, "steps": 10, "denoising_strength": 0.35},
    }


def test_round_trip_of_variations_images_and_plain_brackets() -> None:
    settings = GenerateSettings(
        prompt="[a] (b", variation_seed=8, variation_strength=0.125, image="/home/me/cat.png",
        denoising_strength=0.35, syntax=False, sampler="DPM++ 3M SDE Karras", width=64, height=96,
    )  # fmt: skip
    text = write(settings, FACTS)
    assert "cat.png" not in text
    pairs = parse(text).pairs
    assert (pairs["Variation seed"], pairs["Variation seed strength"]) == ("8", "0.125")
    assert (pairs["Denoising strength"], pairs["Emphasis"]) == ("0.35", "None")
    assert restored(settings) == settings.model_copy(update={"image": ""})
    plain = parse(
        write(GenerateSettings(prompt="a", denoising_strength=0.3, variation_seed=5), FACTS)
    ).pairs
    assert not {"Variation seed", "Denoising strength", "Emphasis"} & plain.keys()


@pytest.mark.parametrize("sampler", get_args(Sampler))
def test_every_sampler_comes_back(sampler: Sampler) -> None:
    text = write(GenerateSettings(sampler=sampler), FACTS)
    assert read(text)["sampler"] == sampler
    assert (
        read(text.replace(f"Sampler: {sampler}", f"Sampler: {sampler.removesuffix(' Karras')}"))[
            "sampler"
        ]
        == sampler
    )  # as newer web UIs write it


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7", "DPM++ 2M Karras"),
        ("Steps: 20, Sampler: DPM++ 2M, Schedule type: Automatic, CFG scale: 7", "DPM++ 2M"),
        ("Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7", "Euler a"),
        ("Steps: 20, Sampler: k_euler, CFG scale: 7", "Euler"),
        ("Steps: 20, Sampler: Heun, CFG scale: 7", "Heun"),
        ("Steps: 20, Sampler: UniPC, Schedule type: Karras, CFG scale: 7", "UniPC"),
        ("Steps: 20, Sampler: DPM++ 2M SDE Karras, CFG scale: 7", "DPM++ 2M SDE Karras"),
        ("Steps: 20, Sampler: Restart, CFG scale: 7", None),
    ],
)
def test_names_of_samplers(line: str, expected: str | None) -> None:
    assert read(f"a cat\n{line}").get("sampler") == expected


def test_aesthetic_embeddings_are_written_and_read_as_web_uis_do() -> None:
    changes = {"steps": 15, "rate": 0.0005, "text": "neon, at night", "text_negative": True}
    item = StackItem(path="/x/Belle.pt", strength=0.9, aesthetic=changes)
    steering = SteeringSettings.parse(changes)
    used = Used(item, "aesthetic", "Belle", "aaaaaaaaaaaa", steering)
    settings = GenerateSettings(prompt="a cat", stack=[item])
    text = write(settings, replace(FACTS, used=[used]))
    pairs = infotext.parse(text).pairs
    assert {key: value for key, value in pairs.items() if key.startswith("Aesthetic")} == {
        "Aesthetic embedding": "Belle",
        "Aesthetic weight": "0.9",
        "Aesthetic LR": "0.0005",
        "Aesthetic steps": "15",
        "Aesthetic slerp": "False",
        "Aesthetic text": "neon, at night",
        "Aesthetic text negative": "True",
        "Aesthetic slerp angle": "0.1",
    }
    (ours,) = read(text)["stack"]
    assert StackItem.parse(ours) == item.model_copy(update={"path": "Belle.pt"})
    theirs = read(text.split(", Stack:")[0])["stack"]  # as if another program had written it
    assert theirs == [
        {
            "path": "Belle.pt",
            "strength": 0.9,
            "aesthetic": {**changes, "slerp": False, "text_angle": 0.1},
        }
    ]
    assert "stack" not in read("a\nSteps: 5, Aesthetic embedding: None, Seed: 3")
    assert "stack" not in read(
        "a\nSteps: 5, Aesthetic embedding: x, Aesthetic steps: many, Seed: 3"
    )


def test_prompts_that_look_like_settings() -> None:
    assert read("recipe: cake, colour: red, size: big, mood: calm\nSteps: 3, Seed: 4") == {
        "prompt": "recipe: cake, colour: red, size: big, mood: calm",
        "negative_prompt": "",
        "steps": 3,
        "seed": 4,
    }
    assert read("just a prompt, ratio 3:2")["prompt"] == "just a prompt, ratio 3:2"


@pytest.mark.parametrize(
    "text",
    [
        "", "\n\n", "Steps:", 'a\nSteps: 5, Seed: "unclosed', "Negative prompt:",
        "a\nSteps: many, Sampler: , CFG scale: nan, Seed: -1, Size: 0x-3, Clip skip: x",
        "a\nSteps: 999999, CFG scale: 1e9, Seed: 99999999999999999999, Size: 99999x99999",
        'a\nSteps: 5, Stack: "[1, 2]", Seed: 3', 'a\nSteps: 5, Stack: "{}", Seed: 3',
        'a\nSteps: 5, Stack: "[{\\"file\\": \\"../../etc/passwd\\"}]", Seed: 3',
        "a\nSteps: 5, " + ", ".join(["x: " + '"' + "\\" * 999] * 20),
    ],
)  # fmt: skip
def test_nonsense_never_raises_and_never_gives_unusable_settings(text: str) -> None:
    found = read(text)
    GenerateSettings.parse(found)
    assert all("/" not in entry["path"] for entry in found.get("stack", []))


def lora(name: str, strength: float = 1.0, text: float | None = None, kind: str = "lora") -> Used:
    item = StackItem(path=f"/x/{name}.safetensors", strength=strength, text_strength=text)
    return Used(item, kind, name, "0123456789ab")


def test_other_programs_find_the_files_in_the_prompt() -> None:
    word = Used(
        StackItem(path="/x/zeb-v2.pt"), "embedding", "zeb-v2", "b" * 12, words=("zeb-v2", "zeb")
    )
    files = [
        lora("fluffy", 0.8),
        lora("neon, line", 0.5, 0.25),
        word,
        lora("h", 0.6, None, "hypernetwork"),
    ]
    settings = GenerateSettings(
        prompt="a Zeb cat, zebra", negative_prompt="zeb", stack=[file.item for file in files],
        width=64, height=96,
    )  # fmt: skip
    text = write(settings, replace(FACTS, used=files))
    tags = "<lora:fluffy:0.8> <lora:neon, line:0.25:0.5> <hypernet:h:0.6>"
    assert text.splitlines()[0] == f"a zeb-v2 cat, zebra {tags}"
    assert text.splitlines()[1] == "Negative prompt: zeb-v2"
    found = read(text)
    assert (found["prompt"], found["negative_prompt"]) == ("a Zeb cat, zebra", "zeb")
    assert [entry["path"] for entry in found["stack"]] == [
        "fluffy.safetensors", "neon, line.safetensors", "zeb-v2.pt", "h.safetensors",
    ]  # fmt: skip
    # restored and written again, nothing is there twice
    assert (
        write(
            GenerateSettings.parse({**found, "stack": settings.stack}), replace(FACTS, used=files)
        )
        == text
    )


def test_weights_per_block_are_in_the_tag_where_the_extension_knows_the_list() -> None:
    item = StackItem(path="/x/a.safetensors", blocks={"IN": 0.5, "M00": 0})
    blocks = dict.fromkeys(
        [*(f"IN{k:02}" for k in range(12)), "M00", *(f"OUT{k:02}" for k in range(12))], True
    )
    facts = replace(FACTS, used=[Used(item, "lora", "a", "a" * 12)], blocks=blocks)
    first = write(GenerateSettings(prompt="x", stack=[item]), facts).splitlines()[0]
    numbers = ",".join(["1", *["0.5"] * 12, "0", *["1"] * 12])
    assert first == f"x <lora:a:1:lbw={numbers}>"
    small = replace(facts, blocks={"IN00": True, "M00": True, "OUT00": True})
    assert write(GenerateSettings(prompt="x"), small).splitlines()[0] == "x <lora:a:1>"


def a1111_hashes(value: str) -> dict[str, str]:
    """How its reader takes “Lora hashes” apart; a name with a comma would end it with an error."""
    pairs = [entry.strip().split(":", 1) for entry in value.split(",")]
    return {pair[0].strip(): pair[1].strip() for pair in pairs}


@pytest.mark.parametrize("name", ['odd, "name": 1', "two\nlines", "a:b", "a, b:c, d", "<b>", "{x}"])
def test_names_of_every_kind(name: str) -> None:
    item = StackItem(path=f"/x/{name}.safetensors")
    text = write(
        GenerateSettings(prompt="x", stack=[item]),
        replace(FACTS, model=name, used=[Used(item, "lora", name, "a" * 12)]),
    )
    block = parse(text)
    assert list(a1111_hashes(block.pairs["Lora hashes"]).values()) == ["a" * 12]
    assert block.pairs["Model"] == name
    assert read(text)["prompt"] == "x"
    assert read(text)["stack"][0]["path"] == f"{name}.safetensors".rsplit("/", 1)[-1]


def a1111(text: str) -> tuple[str, str]:
    """Prompt and negative prompt as A1111's `parse_generation_parameters` reads them."""
    prompt, negative, done = "", "", False
    for line in text.strip().split("\n")[:-1]:
        line = line.strip()
        if line.startswith("Negative prompt:"):
            done, line = True, line[16:].strip()
        if done:
            negative += ("" if negative == "" else "\n") + line
        else:
            prompt += ("" if prompt == "" else "\n") + line
    return prompt, negative


@pytest.mark.parametrize(
    ("prompt", "negative"),
    [
        ("a cat", "blurry, Negative prompt: nested, ugly"),
        ("a\nNegative prompt: b", "c\nNegative prompt: d"),
        ("a\nSteps: 20, Sampler: Euler, Seed: 3", "x"),
        ("a\nTemplate: b", ""),
        ("a: b, c: d, e: f", "Steps: 3, Seed: 4, Size: 5x5"),
        ("\n a \r\n b \n", "\u2028x\x85"),
    ],
)
def test_prompts_that_look_like_the_block_itself(prompt: str, negative: str) -> None:
    settings = GenerateSettings(prompt=prompt, negative_prompt=negative, width=64, height=96)
    text = write(settings, FACTS)
    assert restored(settings) == settings
    shown, unwanted = a1111(text)
    assert "Negative prompt:" not in shown + unwanted
    assert shown.replace(" :", ":").split() == prompt.split()
    assert unwanted.replace(" :", ":").split() == negative.split()
    # readers that cut at the words find them once before the settings
    assert text.rpartition("\n")[0].count("Negative prompt:") == bool(negative)


def test_round_trip_of_every_line_end() -> None:
    chosen = random.Random(7)
    for _ in range(300):
        letters = 'ab:, \n\r\x0b\x0c\x85\u2028\\"<>()[]|猫'
        pieces = [*letters, "Negative prompt:", "Steps: 2, ", "Seed: 3", "Template:", "BREAK"]
        prompt, negative = ("".join(chosen.choices(pieces, k=chosen.randint(0, 12))) for _ in "ab")
        settings = GenerateSettings(prompt=prompt, negative_prompt=negative, width=64, height=96)
        files = [lora("x", 0.5)] if chosen.random() < 0.5 else []
        found = read(write(settings, replace(FACTS, used=files)))
        assert (found["prompt"], found["negative_prompt"]) == (prompt, negative)


SETTINGS = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x96"


@pytest.mark.parametrize(
    "behind",
    [
        "\n", "\n\n  \n", "\r\n", "\nTemplate: a {cat|dog}, x: 1, y: 2",
        "\nTemplate: a {cat|dog}\nNegative Template: {bad|ugly}",
        "\nNegative Template: {bad|\nugly}\n", "\n\nTemplate: Steps: 4\n",
    ],
)  # fmt: skip
def test_lines_behind_the_settings(behind: str) -> None:
    found = read(f"a cat\nNegative prompt: ugly\n{SETTINGS}{behind}")
    assert (found["prompt"], found["negative_prompt"]) == ("a cat", "ugly")
    assert (found["steps"], found["sampler"], found["seed"]) == (20, "Euler a", 5)


@pytest.mark.parametrize(
    "prompt",
    [
        "style: oil, light: warm, mood: calm", "a: b, c: d, e: f", "Steps: to heaven, gold: yes, x: y",
        "portrait, ratio: 3:2, lens: 50mm, time: 10:30, Model: a girl",
    ],
)  # fmt: skip
def test_a_prompt_with_colons_does_not_vanish(prompt: str) -> None:
    assert read(prompt)["prompt"] == prompt
    assert read(f"a cat\nNegative prompt: {prompt}\n{SETTINGS}")["negative_prompt"] == prompt
    assert read(f"{prompt}\n{SETTINGS}")["prompt"] == prompt


def test_lists_and_tables_among_the_pairs() -> None:
    resources = '[{"type":"lora","modelName":"Foo: bar, Steps: 99","weight":0.5}, {"x": [1, 2]}]'
    text = f"a\n{SETTINGS}, Civitai resources: {resources}, Clip skip: 2, Odd: [a, b"
    block = parse(text)
    assert block.pairs["Civitai resources"] == resources
    assert (read(text)["steps"], read(text)["clip_skip"]) == (20, 1)


def test_reading_takes_time_in_proportion() -> None:
    for hostile in (
        "a" + " " * 200_000,
        "x:[" * 60_000,
        'k: "' * 60_000,
        "a, " * 100_000,
        ":" * 200_000,
    ):
        parse(hostile)
        parse(f"p\n{SETTINGS}, {hostile}")


def test_reading_needs_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys, studio.infer.infotext; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert infotext.VERSION


def test_ranges_and_blocks_of_a_stack_come_back() -> None:
    item = StackItem(path="/x/a.safetensors", start=0.25, end=0.75, blocks={"IN04": 0.5, "OUT": -1})
    plain = StackItem(path="/x/b.safetensors")
    facts = replace(FACTS, used=[Used(one, "lora", "a", "a" * 12) for one in (item, plain)])
    text = write(GenerateSettings(prompt="x", stack=[item, plain]), facts)
    assert "start" not in text[text.index("b.safetensors") :]
    first, second = (StackItem.parse(entry) for entry in read(text)["stack"])
    assert (first.start, first.end, first.blocks) == (0.25, 0.75, {"IN04": 0.5, "OUT": -1})
    assert second == plain.model_copy(update={"path": "b.safetensors"})
    hostile = text.replace("0.25", "7").replace("IN04", "NO")
    assert "stack" not in read(hostile)
