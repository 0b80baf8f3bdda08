"""Metadata: the keys other programs rely on, hashes they agree with, nothing private unasked."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json

import pytest
import safetensors.torch
import torch
from PIL import Image

from studio.formats import metadata, safetensors_file
from studio.formats.metadata import Facts

FACTS = Facts(
    name="my-cat", architecture="stable-diffusion-v1", rank=8, alpha=4.0, learning_rate=1e-4,
    steps=400, seed=7, resolution=(512, 768), trigger="sks cat", base_name="v1-5",
    dataset_dirs={"10_secret client": {"n_repeats": 10, "img_count": 3}},
    tag_frequency={"10_secret client": {"cat": 3, "sofa ": 1}}, tags=("cat", "pet"),
)  # fmt: skip
TENSORS = {"lora_unet_a.lora_up.weight": torch.randn(8, 2), "lora_unet_a.alpha": torch.tensor(4.0)}


def test_the_minimum_that_loaders_rely_on_is_always_there():
    entries = metadata.kohya(Facts(name="x", architecture="stable-diffusion-v1"))
    for key in (
        "v2",
        "base_model_version",
        "network_module",
        "network_dim",
        "network_alpha",
        "network_args",
    ):
        assert f"ss_{key}" in entries
    assert entries["ss_v2"] == "False"
    assert entries["ss_network_args"] == "{}"
    assert all(type(value) is str for value in entries.values())


@pytest.mark.parametrize(
    "architecture, v2, version, family",
    [
        ("stable-diffusion-v1", "False", "sd_v1", "sd1"),
        ("stable-diffusion-v2-512", "True", "sd_v2", "sd2"),
        ("stable-diffusion-v2-768-v", "True", "sd_v2_v", "sd2"),
        ("stable-diffusion-xl-v1-base", "False", "sdxl_base_v1-0", "sdxl"),
    ],
)
def test_families_there_and_back(architecture, v2, version, family):
    facts = Facts(name="x", architecture=architecture)
    entries = metadata.kohya(facts)
    assert (entries["ss_v2"], entries["ss_base_model_version"]) == (v2, version)
    assert metadata.family(entries) == family
    spec = metadata.modelspec(facts)
    assert spec["modelspec.architecture"] == f"{architecture}/lora"
    assert metadata.family(spec) == family


def test_family_from_little():
    assert metadata.family({"ss_v2": "True"}) == "sd2"
    assert metadata.family({"ss_v2": "False"}) is None  # SDXL files say that as well
    assert metadata.family({}) is None


def test_modelspec():
    entries = metadata.build(FACTS, TENSORS)
    assert entries["modelspec.sai_model_spec"] == "1.0.1"
    assert entries["modelspec.title"] == "my-cat"
    assert entries["modelspec.resolution"] == "512x768"
    assert entries["modelspec.trigger_phrase"] == metadata.trigger(entries) == "sks cat"
    assert entries["modelspec.hash_sha256"] == "0x" + entries["sshs_model_hash"]
    assert entries["modelspec.tags"] == "cat, pet"
    assert "modelspec.author" not in entries
    other = Facts(name="x", architecture="stable-diffusion-v1", product="textual-inversion")
    assert metadata.modelspec(other)["modelspec.architecture"].endswith("/textual-inversion")


def test_numbers_are_text_and_come_back():
    entries = metadata.kohya(FACTS)
    assert (entries["ss_network_dim"], entries["ss_network_alpha"]) == ("8", "4.0")
    assert entries["ss_resolution"] == "(512, 768)"
    assert metadata.number(entries, "ss_learning_rate") == 1e-4
    assert metadata.number({"a": "None"}, "a") is None
    assert metadata.number({"a": "inf"}, "a") is None
    assert metadata.number({}, "a") is None


def test_dataset_facts_are_private_unless_published():
    private = metadata.build(FACTS, TENSORS)
    assert "secret" not in json.dumps(private)
    public = metadata.build(dataclasses.replace(FACTS, publish_dataset=True), TENSORS)
    assert "10_secret client" in json.loads(public["ss_dataset_dirs"])
    assert "cat" in public["ss_tag_frequency"]


def test_hashes_are_those_of_the_finished_file(tmp_path):
    entries = metadata.build(FACTS, TENSORS)
    path = safetensors_file.write(tmp_path / "x.safetensors", TENSORS, entries)
    assert safetensors_file.model_hash(path) == entries["sshs_model_hash"]


def test_the_old_hash_is_kohyas():
    """sha256 of 64 KiB at 1 MiB of the file as the library writes it with the ss_ entries only."""
    tensors = {"a": torch.randn(600, 600)}
    entries = {"ss_v2": "False", "modelspec.title": "x"}
    raw = safetensors.torch.save(tensors, {"ss_v2": "False"})
    expected = hashlib.sha256(raw[0x100000:0x110000]).hexdigest()[:8]
    assert len(raw) > 0x110000
    assert metadata.hashes(tensors, entries)["sshs_legacy_hash"] == expected


@pytest.mark.parametrize("encoding", ["png", "jpeg", "webp"])
def test_thumbnails_travel_as_data_urls(encoding):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, encoding)
    facts = Facts(name="x", architecture="stable-diffusion-v1", thumbnail=buffer.getvalue())
    entries = metadata.modelspec(facts)
    assert entries["modelspec.thumbnail"].startswith(f"data:image/{encoding};base64,")
    assert metadata.thumbnail(entries) == buffer.getvalue()


@pytest.mark.parametrize(
    "url",
    ["", "data:image/svg+xml;base64,PHN2Zz4=", "javascript:alert(1)", "data:image/png;base64,###",
     "data:image/png;base64,aGVsbG8=", "https://example.org/x.png", "data:text/html;base64,PGI+"],
)  # fmt: skip
def test_thumbnails_that_are_no_image_are_not_given_out(url):
    assert metadata.thumbnail({"modelspec.thumbnail": url}) is None


def test_no_thumbnail_but_an_image():
    with pytest.raises(ValueError, match="PNG, JPEG or WebP"):
        metadata.data_url(b"<svg/>")
