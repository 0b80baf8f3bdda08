"""Bases by their name on the hub: what is downloaded, what is said, without any network."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest

from studio.core.errors import FileError, Interrupted, MissingError, StorageError
from studio.families import hub, hub_download, hub_repository
from studio.families.loading import load_base, locate
from tests import failpoint
from tests.hub_server import COMMIT, NAME, HubServer, serving_hub

FILES = [
    "README.md", "model_index.json", "v1-5-pruned.safetensors", "v1-5-pruned.ckpt",
    "feature_extractor/preprocessor_config.json", "safety_checker/model.safetensors",
    "scheduler/scheduler_config.json", "text_encoder/config.json",
    "text_encoder/model.fp16.safetensors", "text_encoder/model.safetensors",
    "text_encoder/pytorch_model.bin", "tokenizer/merges.txt", "tokenizer/vocab.json",
    "unet/config.json", "unet/diffusion_pytorch_model.bin",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    "unet/diffusion_pytorch_model.safetensors", "unet/flax_model.msgpack", "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
]  # fmt: skip
SMALL = {
    "model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json",
    "tokenizer/merges.txt", "tokenizer/vocab.json", "unet/config.json", "vae/config.json",
}  # fmt: skip


@pytest.mark.parametrize("half", [False, True])
def test_one_precision_of_each_part_and_no_pickle(half: bool) -> None:
    ending = "fp16.safetensors" if half else "safetensors"
    weights = {
        f"text_encoder/model.{ending}",
        f"unet/diffusion_pytorch_model.{ending}",
        "vae/diffusion_pytorch_model.safetensors",  # there is only one
    }
    assert set(hub_repository.wanted(FILES, half)) == SMALL | weights


def test_shards_and_repositories_with_half_precision_only() -> None:
    shards = [f"unet/diffusion_pytorch_model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    index = "unet/diffusion_pytorch_model.safetensors.index.json"
    assert hub_repository.wanted([*shards, index], False) == sorted([*shards, index])
    half = ["unet/diffusion_pytorch_model.fp16.safetensors"]
    assert hub_repository.wanted(half, False) == half


UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def server(sd1_folder: Path, tmp_path: Path) -> Iterator[HubServer]:
    with serving_hub(sd1_folder, tmp_path / "hub") as hub:
        hub.files += ["big.safetensors", "unet/diffusion_pytorch_model.bin"]
        yield hub


def test_a_download_says_how_far_it_is_and_is_kept(
    server: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    base = load_base(NAME, "cpu", "fp32", said=said.append)
    assert base.architecture.name == "sd1"
    assert not (base.path / "big.safetensors").exists()
    assert not list(base.path.rglob("*.bin"))
    assert said[0].startswith(f"Downloading {NAME}: 0 of") and said[-1].endswith("(100 %)")
    assert "Downloading" not in capsys.readouterr().err, "no bar on the terminal"
    server.asked.clear()
    server.status = 503  # and without the network it is found again
    assert locate(NAME) == base.path
    assert server.asked == [], "the second time nobody is asked"


def test_what_it_is_is_said_before_anything_is_downloaded(
    server: HubServer, tmp_path: Path
) -> None:
    found = hub_repository.look(NAME)
    assert (found.licence, found.gated, found.commit) == ("openrail++", False, COMMIT)
    assert UNET in found.files and "big.safetensors" not in found.files
    assert hub_download.missing(found) == found.size > 100_000
    assert not list((tmp_path / "hub").rglob("*.safetensors")), "nothing was downloaded"
    assert not any("/resolve/" in line for line in server.asked)
    hub.fetch(NAME)
    assert hub_download.missing(found) == 0


def test_a_revision_is_pinned(server: HubServer) -> None:
    assert hub.is_id(f"{NAME}@v1.0")
    place = locate(f"{NAME}@v1.0")
    assert f"GET /api/models/{NAME}/revision/v1.0" in server.asked
    assert place.name == COMMIT
    server.status = 503
    assert locate(f"{NAME}@v1.0") == place


def test_a_download_that_was_cut_off_goes_on_where_it_was(
    server: HubServer, tmp_path: Path
) -> None:
    size = len(server.bytes_of(UNET))
    server.cut = (UNET, 50_000)
    with pytest.raises(MissingError, match="could not be reached, or broke off") as caught:
        locate(NAME)
    assert "kept" in (caught.value.safe or "") and str(tmp_path) not in str(caught.value)
    parts = list((tmp_path / "hub").rglob("*.incomplete"))
    assert [part.stat().st_size for part in parts] == [50_000]
    server.status, server.cut = 200, None
    server.asked.clear()
    found = hub_repository.look(NAME)
    assert hub_download.missing(found) < found.size - 50_000
    told: list[tuple[int, int]] = []
    place = hub.fetch(NAME, progress=lambda done, total: told.append((done, total)))
    assert f"GET /{NAME}/resolve/{COMMIT}/{UNET} from 50000" in server.asked
    assert told[0][0] >= 50_000 and told[-1] == (found.size, found.size)
    assert (place / UNET).read_bytes() == server.bytes_of(UNET) and size > 50_000
    assert not list((tmp_path / "hub").rglob("*.incomplete"))


def test_a_download_can_be_stopped_and_goes_on(server: HubServer, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise Interrupted("Stopped")

    with pytest.raises(Interrupted):
        hub.fetch(NAME, progress=stop)
    here = sum(p.stat().st_size for p in (tmp_path / "hub").rglob("blobs/*"))
    assert here > 0
    told: list[int] = []
    hub.fetch(NAME, progress=lambda done, total: told.append(done))
    assert told[0] >= here


def test_a_file_that_arrives_damaged_is_not_kept(server: HubServer, tmp_path: Path) -> None:
    server.damaged = UNET
    with pytest.raises(FileError, match="arrived damaged and was thrown away"):
        hub.fetch(NAME)
    server.damaged = ""
    assert (hub.fetch(NAME) / UNET).read_bytes() == server.bytes_of(UNET)


def test_half_a_snapshot_is_completed(server: HubServer) -> None:
    place = locate(NAME)
    (place / UNET).resolve().unlink()
    (place / UNET).unlink()
    server.asked.clear()
    assert (locate(NAME) / UNET).is_file()
    weights = [line for line in server.asked if line.startswith("GET") and ".safetensors" in line]
    assert weights == [f"GET /{NAME}/resolve/{COMMIT}/{UNET}"]


@pytest.mark.parametrize(
    ("status", "gated", "words"),
    [
        (401, False, "does not know it, or does not show it"),
        (401, True, "asks for an agreement first.*hf auth login"),
        (403, False, "does not let this account read it"),
        (404, False, "does not know this name or revision"),
        (500, False, "could not be reached"),
    ],
)
def test_a_hub_that_refuses(server: HubServer, status: int, gated: bool, words: str) -> None:
    server.status, server.gated = status, gated
    with pytest.raises(MissingError, match=words) as caught:
        locate(NAME)
    text = str(caught.value)
    assert "neither on this machine nor" in text and "http" not in text and NAME in text


def test_an_agreement_that_is_missing_is_told_before_the_download(server: HubServer) -> None:
    server.gated = True
    assert hub_repository.look(NAME).gated
    with pytest.raises(MissingError, match="asks for an agreement first"):
        hub.fetch(NAME)


def test_offline_is_said_plainly(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(MissingError, match="HF_HUB_OFFLINE is set") as caught:
        locate(NAME)
    assert "http" not in str(caught.value)
    assert server.asked == []


def test_a_full_disk_is_said_before_and_during(
    server: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usage = SimpleNamespace(total=10**12, used=10**12, free=1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub_download.shutil, "disk_usage", lambda path: usage)
        with pytest.raises(StorageError, match="not enough room") as caught:
            hub.fetch(NAME)
        assert not any("/resolve/" in line for line in server.asked)
    assert caught.value.full and str(tmp_path) not in str(caught.value)

    def refuse(operation: str, path: Path) -> None:
        if operation == "grow":
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(failpoint, "reached", refuse)
    with pytest.raises(StorageError) as full:
        hub.fetch(NAME)
    monkeypatch.setattr(failpoint, "reached", None)
    assert "disk is full" in str(full.value) and str(tmp_path) not in str(full.value)
    assert hub.fetch(NAME).is_dir()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["model_index.json", "unet/diffusion_pytorch_model.bin"], "pickles"),
        (["model.safetensors"], "single files"),
        (["README.md"], "no folder “unet”"),
    ],
)
def test_repositories_without_a_base(server: HubServer, files: list[str], words: str) -> None:
    server.files = files
    with pytest.raises(FileError, match=words):
        locate(NAME)
    assert not any("/resolve/" in line for line in server.asked), "nothing is downloaded"


def test_the_vocabulary_in_the_cache(
    sd1_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def download(repository: str, name: str) -> str:
        asked.append(f"{repository}/{name}")
        (tmp_path / name).touch()
        return str(tmp_path / name)

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda r, f: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert hub.vocabulary() == tmp_path
    assert asked == [f"openai/clip-vit-large-patch14/{n}" for n in ("vocab.json", "merges.txt")]
    cached = lambda r, f: f"/cache/{r}/{f}" if f.startswith("tokenizer/") else None  # noqa: E731
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    assert hub.vocabulary() == Path("/cache/openai/clip-vit-large-patch14/tokenizer")
    assert len(asked) == 2
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda r, f: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda r, f: 1 / 0)
    assert hub.vocabulary() is None
