"""Inspection: kinds by content, the facts in the library, honest problems, and no torch."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from studio.core.errors import FileError, MissingError
from studio.formats import aesthetic, embedding, hypernetwork, lora, metadata, safetensors_file
from studio.formats.inspect import inspect
from tests.formats.builders import TEXT_PATH, hypernetwork_state, safetensors_bytes
from tests.loras import write_lora


def module(component, name, inputs=12, rank=4, alpha=2.0):
    parts = {"up": torch.randn(8, rank), "down": torch.randn(rank, inputs)}
    return lora.LoraModule(component, name, "dotted", "lora", parts, alpha)


def test_a_lora_with_metadata(tmp_path):
    facts = metadata.Facts(
        name="cat", architecture="stable-diffusion-v2-512", rank=4, alpha=2.0, trigger="sks cat"
    )
    modules = [module("unet", f"mid_block.attn{i}.to_q") for i in range(3)]
    path = write_lora(tmp_path / "cat.safetensors", modules, metadata.build(facts, {}))
    report = inspect(path)
    assert (report.kind, report.dialect, report.family) == ("lora", "kohya", "sd2")
    assert (report.rank, report.alpha, report.trigger) == (4, 2.0, "sks cat")
    assert report.parameters == 3 * (8 * 4 + 4 * 12 + 1)
    assert report.hashes["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert report.hashes["model"] == safetensors_file.model_hash(path)
    assert report.problems == []
    assert set(report.as_dict()) == {
        "path", "kind", "dialect", "family", "parameters", "rank", "alpha", "trigger", "hashes",
        "metadata", "problems", "notes",
    }  # fmt: skip
    json.dumps(report.as_dict())


@pytest.mark.parametrize(
    "width, family", [(768, "sd1"), (1024, "sd2"), (2048, "sdxl"), (128, None)]
)
def test_the_family_by_what_cross_attention_reads(tmp_path, width, family):
    path = write_lora(tmp_path / "x.safetensors", [module("unet", "mid_block.a.attn2.to_k", width)])
    assert inspect(path).family == family


def test_the_family_by_text_encoders(tmp_path):
    path = write_lora(tmp_path / "x.safetensors", [module("text_encoder_2", TEXT_PATH)])
    assert inspect(path).family == "sdxl"


@pytest.mark.parametrize("width, family", [(768, "sd1"), (1024, "sd2"), (32, None)])
def test_the_family_by_the_only_text_encoder(tmp_path, width, family):
    path = write_lora(tmp_path / "x.safetensors", [module("text_encoder", TEXT_PATH, width)])
    assert inspect(path).family == family


def test_alpha_from_the_metadata_when_no_tensor_has_it(tmp_path):
    tensors = {
        "lora_unet_a.lora_up.weight": torch.randn(8, 2),
        "lora_unet_a.lora_down.weight": torch.randn(2, 8),
    }
    path = tmp_path / "x.safetensors"
    safetensors_file.write(path, tensors, {"ss_network_alpha": "1.0"})
    assert inspect(path).alpha == 1.0
    safetensors_file.write(path, tensors)
    assert inspect(path).alpha is None


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "int64", "int8"])
def test_alpha_is_read_without_torch_in_every_precision(tmp_path, dtype):
    tensors = {
        "lora_unet_a.lora_up.weight": torch.randn(8, 2), "lora_unet_a.lora_down.weight": torch.randn(2, 8),
        "lora_unet_a.alpha": torch.tensor(1.5).to(getattr(torch, dtype)),
    }  # fmt: skip
    expected = 1.5 if "float" in dtype else 1.0
    assert inspect(safetensors_file.write(tmp_path / "x.safetensors", tensors)).alpha == expected


def test_embeddings(tmp_path):
    report = inspect(embedding.write_kohya(tmp_path / "a.safetensors", torch.randn(2, 768)))
    assert (report.kind, report.dialect, report.family) == ("embedding", "kohya", "sd1")
    report = inspect(embedding.write_a1111(tmp_path / "a.pt", torch.randn(2, 1024), name="a"))
    assert (report.kind, report.dialect, report.family) == ("embedding", "a1111", "sd2")
    assert report.parameters == 2048
    report = inspect(
        embedding.write_sdxl(tmp_path / "b.safetensors", torch.randn(2, 768), torch.randn(2, 1280))
    )
    assert (report.dialect, report.family) == ("sdxl", "sdxl")
    report = inspect(
        embedding.write_diffusers(tmp_path / "c.safetensors", {"<a>": torch.randn(16)})
    )
    assert (report.kind, report.dialect, report.family) == ("embedding", "diffusers", None)


def test_hypernetworks_aesthetics_and_lists(tmp_path):
    states = (dict(hypernetwork_state(768)), dict(hypernetwork_state(768)))
    file = hypernetwork.HypernetworkFile(tmp_path, {768: states}, name="net", step=5)
    report = inspect(hypernetwork.write_pt(tmp_path / "h.pt", file))
    assert (report.kind, report.dialect, report.family) == ("hypernetwork", "a1111", "sd1")
    assert report.parameters == 2 * sum(t.numel() for t in states[0].values())
    assert report.metadata["step"] == "5"
    assert inspect(hypernetwork.write_safetensors(tmp_path / "h.safetensors", file)).kind == (
        "hypernetwork"
    )
    assert inspect(aesthetic.write(tmp_path / "a.pt", torch.randn(768))).kind == "aesthetic"
    torch.save([torch.randn(8, 4), torch.randn(4, 8)], tmp_path / "l.pt")
    report = inspect(tmp_path / "l.pt")
    assert (report.kind, report.dialect, report.rank) == ("lora", "cloneofsimo", 4)


def test_checkpoints(tmp_path):
    names = [f"model.diffusion_model.input_blocks.{i}.0.weight" for i in range(8)]
    tensors = {name: torch.ones(2) for name in names}
    tensors["model.diffusion_model.x.attn2.to_k.weight"] = torch.ones(2, 768)
    report = inspect(safetensors_file.write(tmp_path / "m.safetensors", tensors))
    assert (report.kind, report.dialect, report.family) == ("checkpoint", "single-file", "sd1")
    torch.save({"state_dict": tensors, "epoch": 3}, tmp_path / "m.ckpt")
    assert inspect(tmp_path / "m.ckpt").kind == "checkpoint"


@pytest.mark.parametrize(
    "content, word",
    [
        (b"just a text", "text file"), (b"", "empty"), (b"<html></html>", "web page"),
        (b"\x80\x02cos\nsystem\n.", "pickle"), (b"PK\x03\x04rest", "damaged"), (bytes(100), "not a format"),
        (b"\x1f\x8b\x08" + bytes(90), "packed archive"), (b"7z\xbc\xaf\x27\x1c" + bytes(90), "Unpack it"),
        (b"Rar!\x1a\x07\x01\0" + bytes(90), "Unpack it"),
    ],
)  # fmt: skip
def test_files_that_are_something_else(tmp_path, content, word):
    path = tmp_path / "lora.safetensors"
    path.write_bytes(content)
    report = inspect(path)
    assert report.kind == "unknown"
    assert word in report.problems[0]
    assert report.hashes["sha256"] == hashlib.sha256(content).hexdigest()
    with pytest.raises(FileError, match=word):
        inspect(path, strict=True)


def test_truncated_and_foreign_safetensors(tmp_path):
    path = safetensors_file.write(tmp_path / "x.safetensors", {"conv.weight": torch.ones(3, 3, 3)})
    report = inspect(path)
    assert report.kind == "unknown" and "nothing the studio knows" in report.problems[0]
    path.write_bytes(path.read_bytes()[:-4])
    report = inspect(path)
    assert report.kind == "unknown" and "cut off" in report.problems[0]
    assert set(report.hashes) == {"sha256", "short", "legacy"}
    assert inspect(path, hashes=False).hashes == {}


def test_leftovers_are_a_problem_worth_saying(tmp_path):
    tensors = {
        "lora_unet_a.lora_up.weight": torch.randn(8, 2), "lora_unet_a.lora_down.weight": torch.randn(2, 8),
        "who.knows": torch.ones(1),
    }  # fmt: skip
    report = inspect(safetensors_file.write(tmp_path / "x.safetensors", tensors))
    assert report.kind == "lora" and "1 tensor" in report.problems[0]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(MissingError):
        inspect(tmp_path / "x.safetensors")


def test_the_library_never_imports_torch(tmp_path):
    """Every kind of file is inspected in a fresh interpreter where torch cannot be imported."""
    write_lora(tmp_path / "a.safetensors", [module("unet", "mid_block.x")])
    embedding.write_a1111(tmp_path / "b.pt", torch.randn(2, 768), name="b")
    torch.save(torch.randn(1, 768), tmp_path / "c.pt")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from studio.formats import images, metadata, lora, embedding, hypernetwork, aesthetic, pickles\n"
        "from studio.formats.inspect import inspect\n"
        "print(*[inspect(path).kind for path in sys.argv[1:]])"
    )
    files = [str(tmp_path / name) for name in ("a.safetensors", "b.pt", "c.pt")]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, *files], capture_output=True, text=True, cwd=root
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["lora", "embedding", "aesthetic"]


def test_an_archive_under_the_name_of_weights_names_what_is_in_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.safetensors", "w") as archive:
        archive.writestr("zorp/lora.safetensors", b"x" * 50)
    (problem,) = inspect(tmp_path / "x.safetensors", hashes=False).problems
    assert "zorp/lora.safetensors" in problem and "unpacked" in problem


@pytest.mark.parametrize("dtype", ["F8_E8M0", "F4", "C64", "F8_E4M3FNUZ"])
def test_numbers_of_an_unknown_type_are_no_damage(tmp_path, dtype):
    entry = {"dtype": dtype, "shape": [2], "data_offsets": [0, 2]}
    (tmp_path / "x.safetensors").write_bytes(safetensors_bytes({"a": entry}, bytes(2)))
    (problem,) = inspect(tmp_path / "x.safetensors", hashes=False).problems
    assert dtype in problem and "damaged" not in problem
