"""Device and precision choices, attention by trying, memory that can be measured."""

from __future__ import annotations

import mmap
import sys

import psutil
import pytest
import torch

from studio.core import device
from studio.core.errors import SettingsError, StudioError, UnavailableError

needs_no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="about machines without a GPU")


def test_auto_is_a_device_that_computes() -> None:
    chosen = device.pick_device()
    assert float((torch.ones(4, device=chosen) * 2).sum()) == 8


@pytest.mark.parametrize("request_", ["banana", "xla", "", "cuda:x"])
def test_a_word_that_is_no_device_is_bad_input(request_: str) -> None:
    with pytest.raises(SettingsError) as caught:
        device.pick_device(request_)
    assert caught.value.exit_code == 2
    assert "cpu" in str(caught.value)


@needs_no_gpu
def test_a_gpu_that_is_not_there_says_why() -> None:
    with pytest.raises(UnavailableError) as caught:
        device.pick_device("cuda")
    assert "cuda" in str(caught.value)
    assert caught.value.why and caught.value.remedy


def test_precision() -> None:
    assert device.pick_dtype("cpu") == torch.float32
    assert device.pick_dtype("cpu", "bf16") == torch.bfloat16
    with pytest.raises(SettingsError, match="fp8"):
        device.pick_dtype("cpu", "fp8")


def test_attention_is_found_by_running_it() -> None:
    found = device.attention_backends()
    assert found["sdpa"].works
    assert device.best_attention() == ("xformers" if found["xformers"].works else "sdpa")
    if not found["xformers"].works:
        assert found["xformers"].reason


@pytest.mark.parametrize(
    ("attend", "reason"),
    [
        (lambda query, key, value: value, "wrong numbers"),
        (
            # as xformers does where it has no kernel for the machine
            lambda query, key, value: (_ for _ in ()).throw(NotImplementedError("no kernel")),
            "no kernel",
        ),
    ],
)
def test_a_kernel_that_imports_but_cannot_compute_is_not_used(attend, reason: str) -> None:
    probe = device._probe("xformers", "9.9", torch.device("cpu"), attend)
    assert not probe.works
    assert reason in (probe.reason or "")


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="other systems cannot forget a peak"
)
def test_peak_memory_sees_what_was_used_and_can_be_reset() -> None:
    process = psutil.Process()
    size = 200_000_000  # bytes, mapped directly: the allocator may keep what tensors give back
    device.reset_peak_memory("cpu")
    before = device.peak_memory("cpu")
    with mmap.mmap(-1, size) as block:
        block.write(b"\1" * size)
        used = process.memory_info().rss
    assert device.peak_memory("cpu") - before > 0.8 * size
    assert used - process.memory_info().rss > 0.8 * size
    device.reset_peak_memory("cpu")
    assert device.peak_memory("cpu") < used


def test_the_peak_of_a_gpu_is_that_of_its_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def peak(place: torch.device) -> int:
        asked.append(f"peak {place}")
        return 123

    monkeypatch.setattr(
        torch.cuda, "reset_peak_memory_stats", lambda place: asked.append(f"reset {place}")
    )
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", peak)
    gpu = torch.device("cuda", 1)
    device.reset_peak_memory(gpu)
    assert device.peak_memory(gpu) == 123
    assert asked == ["reset cuda:1", "peak cuda:1"]


def test_facts_name_the_machine() -> None:
    facts = device.device_facts("cpu")
    assert facts["torch"] == torch.__version__
    assert facts["memory"] > 1e8 and facts["name"]


def test_errors_are_ours() -> None:
    with pytest.raises(StudioError):
        device.attention_backends("nonsense")
