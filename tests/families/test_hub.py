"""Bases by their name on the hub: what is downloaded, what is said, without any network."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest

from studio.core.errors import FileError, MissingError
from studio.families import hub
from studio.families.loading import load_base, locate

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
    assert set(hub.wanted(FILES, half)) == SMALL | weights


def test_shards_and_repositories_with_half_precision_only() -> None:
    shards = [f"unet/diffusion_pytorch_model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    index = "unet/diffusion_pytorch_model.safetensors.index.json"
    assert hub.wanted([*shards, index], False) == sorted([*shards, index])
    half = ["unet/diffusion_pytorch_model.fp16.safetensors"]
    assert hub.wanted(half, False) == half


class FakeHub:
    """A hub with one repository, a cache, and a list of what was asked of it."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.source, self.folder = source, folder
        self.asked: list[tuple[str, Any]] = []
        self.files = [p.relative_to(source).as_posix() for p in source.rglob("*") if p.is_file()]
        self.files += ["big.safetensors", "unet/diffusion_pytorch_model.bin"]
        self.fail: Exception | None = None

    def model_info(self, name: str, *, revision: str | None, files_metadata: bool) -> Any:
        self.asked.append(("info", (name, revision)))
        if self.fail:
            raise self.fail
        siblings = [SimpleNamespace(rfilename=name, size=100) for name in self.files]
        return SimpleNamespace(sha="c0ffee", siblings=siblings)

    def snapshot_download(
        self, name: str, *, revision: str | None = None, local_files_only: bool = False,
        allow_patterns: list[str] | None = None, tqdm_class: Any = None,
    ) -> str:  # fmt: skip
        if local_files_only:
            self.asked.append(("cache", revision))
            if not (self.folder / "model_index.json").is_file():
                raise OSError("not cached")
            return str(self.folder)
        assert allow_patterns is not None
        self.asked.append(("download", revision))
        bar = tqdm_class(total=0, unit="B", desc="Downloading bytes", name="huggingface_hub.x")
        for file in allow_patterns:
            (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.source / file, self.folder / file)
            bar.update(100)
        return str(self.folder)


@pytest.fixture
def fake(sd1_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    made = FakeHub(sd1_folder, tmp_path / "snapshots" / "abc")
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: made)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", made.snapshot_download)
    return made


def test_a_download_says_how_far_it_is_and_is_kept(
    fake: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    base = load_base("somebody/model", "cpu", "fp32", said=said.append)
    assert base.architecture.name == "sd1"
    assert not (base.path / "big.safetensors").exists()
    assert not list(base.path.rglob("*.bin"))
    assert said[0].startswith("Downloading somebody/model: 0 of") and said[-1].endswith("(100 %)")
    assert "Downloading" not in capsys.readouterr().err, "no bar on the terminal"
    asked = list(fake.asked)
    assert asked == [("cache", None), ("info", ("somebody/model", None)), ("download", "c0ffee")]
    assert locate("somebody/model") == base.path
    assert fake.asked[len(asked) :] == [("cache", None)], "the second time nobody is asked"


def test_a_revision_is_pinned(fake: FakeHub) -> None:
    assert hub.is_id("somebody/model@v1.0")
    locate("somebody/model@v1.0")
    assert fake.asked == [
        ("cache", "v1.0"), ("info", ("somebody/model", "v1.0")), ("download", "c0ffee"),
    ]  # fmt: skip


def test_half_a_snapshot_is_completed(fake: FakeHub) -> None:
    locate("somebody/model")
    (fake.folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    fake.asked.clear()
    locate("somebody/model")
    assert [what for what, _ in fake.asked] == ["cache", "info", "download"]


def test_offline_is_said_plainly(fake: FakeHub) -> None:
    fake.fail = ConnectionError("HTTPSConnectionPool(host='huggingface.co'): 0x7f01")
    with pytest.raises(MissingError) as caught:
        locate("somebody/model")
    text = str(caught.value)
    assert "neither on this machine nor" in text and "could not be reached" in text
    assert "HTTPS" not in text and "0x" not in text
    missing = OSError("gone")
    missing.response = SimpleNamespace(status_code=404)  # type: ignore[attr-defined]
    fake.fail = missing
    with pytest.raises(MissingError, match="does not know this name or revision"):
        locate("somebody/model")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["model_index.json", "unet/diffusion_pytorch_model.bin"], "pickles"),
        (["model.safetensors"], "single files"),
        (["README.md"], "no folder “unet”"),
    ],
)
def test_repositories_without_a_base(fake: FakeHub, files: list[str], words: str) -> None:
    fake.files = files
    with pytest.raises(FileError, match=words):
        locate("somebody/model")
    assert [what for what, _ in fake.asked] == ["cache", "info"], "nothing is downloaded"


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
