"""Memory that runs out, in every form a library says it, at every piece of work."""

from __future__ import annotations

import errno
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from studio import cli
from studio.app import Studio
from studio.caption.run import CaptionOptions
from studio.core import memory
from studio.core.errors import FileError, MemoryFullError, StudioError
from studio.families.base import Base
from studio.library import presets
from studio.library.library import Library
from studio.settings.generation import Lane
from studio.settings.grid import Axis, GridSettings
from studio.settings.lanes import LanesSettings
from studio.settings.training import CompareSettings, GenerateSettings, RunConfig, StackItem
from studio.train.loop import Trainer
from studio.ui.live import endpoint, handler
from studio.ui.tasks import Tasks
from tests.workspaces import make_workspace


def chained(inner: Exception, outer: Exception) -> Exception:
    outer.__context__ = inner
    return outer


CUDA = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB"
FORMS: dict[str, Callable[[], Exception]] = {
    "torch": lambda: torch.OutOfMemoryError(CUDA),
    "torch.cuda": lambda: torch.cuda.OutOfMemoryError(CUDA),
    "old torch": lambda: RuntimeError(CUDA),
    "accelerator": lambda: RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be"),
    "cpu": lambda: RuntimeError(
        "[enforce fail at alloc_cpu.cpp:116] err == 0. DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 40000000000000000 bytes. Error code 12 (Cannot allocate memory)"
    ),
    "cpu, windows": lambda: RuntimeError("DefaultCPUAllocator: not enough memory: you tried to"),
    "python": MemoryError,
    "numpy": lambda: MemoryError("Unable to allocate 1.00 TiB for an array with shape (1,)"),
    "cublas": lambda: RuntimeError(
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
    ),
    "cublas, handle": lambda: RuntimeError(
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"
    ),
    "cudnn": lambda: RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    "cudnn, after": lambda: chained(
        torch.OutOfMemoryError(CUDA), RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED")
    ),
    "cudnn, unsupported": lambda: RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED."),
    "cudnn, engine": lambda: RuntimeError(
        "GET was unable to find an engine to execute this computation"
    ),
    "rocm": lambda: torch.OutOfMemoryError("HIP out of memory. Tried to allocate 20.00 MiB"),
    "mps": lambda: RuntimeError("MPS backend out of memory (MPS allocated: 9.02 GB)"),
    "mps, buffer": lambda: RuntimeError("Invalid buffer size: 16.00 GB"),
    "xpu": lambda: RuntimeError("XPU out of memory. Tried to allocate 2.00 GiB"),
    "xpu, driver": lambda: RuntimeError("level_zero backend failed: UR_RESULT_ERROR_OUT_OF_RESOURCES"),
    "bitsandbytes": lambda: Exception("Error out of memory at line 380 in file /src/csrc/pythonInterface.c"),
    "c++": lambda: RuntimeError("std::bad_alloc"),
    "system": lambda: OSError(errno.ENOMEM, "Cannot allocate memory"),
    "mmap": lambda: RuntimeError("unable to mmap 5 bytes from file: Cannot allocate memory (12)"),
}  # fmt: skip

NOT_MEMORY: list[Exception] = [
    RuntimeError("CUDA error: device-side assert triggered"),
    RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
    FileNotFoundError(errno.ENOENT, "No such file or directory", "out of memory.png"),
    ValueError("the prompt “out of memory” has no words"),
    OSError(errno.ENOSPC, "No space left on device"),
    FileError("This file asks for more than it may", why="out of memory"),
    ZeroDivisionError("out of memory"),
]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_known(form: str) -> None:
    assert memory.is_full(FORMS[form]())


def test_the_real_ones_are_known() -> None:
    for ask in (
        lambda: torch.empty(1 << 60),
        lambda: np.empty(1 << 58),
        lambda: bytearray(1 << 60),
    ):
        with pytest.raises(Exception) as caught:
            ask()
        assert memory.is_full(caught.value)


@pytest.mark.parametrize("error", NOT_MEMORY, ids=lambda error: str(error)[:30])
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    assert not memory.is_full(error)
    with pytest.raises(type(error)) as caught, memory.explained("images"):
        raise error
    assert caught.value is error


def test_errors_in_a_circle_end() -> None:
    first, second = ValueError(), KeyError()
    first.__context__, second.__context__ = second, first
    assert not memory.is_full(first)


def test_each_piece_of_work_has_two_remedies() -> None:
    for why, remedy in memory._SAID.values():
        assert why.endswith(".")
        assert " or " in remedy


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One studio for all: after every failure it must be able to go on."""
    studio = Studio(make_workspace(tmp_path_factory.mktemp("memory")))
    run(studio)  # leaves an adapter
    yield studio
    studio.close()


def wanted(**values: Any) -> GenerateSettings:
    start = {"base": "tiny", "prompt": "a cat", "device": "cpu", "steps": 1, "count": 1}
    return GenerateSettings.parse(start | values)


def generate(studio: Studio) -> Any:
    return studio.generation.generate(wanted())


def lanes(studio: Studio) -> Any:
    both = [Lane(name=name, prompt="", stack=[]) for name in ("left", "right")]
    return studio.generation.generate_lanes(LanesSettings(common=wanted(), lanes=both))


def effect(studio: Studio) -> Any:
    file = next(studio.workspace.adapters.glob("*.safetensors"))
    return studio.generation.effect(wanted(stack=[StackItem(path=str(file))]), 0)


def grid(studio: Studio) -> Any:
    axis = Axis(kind="seed", values=["1", "2"])
    return studio.generation.grids.generate(GridSettings(name="g", generation=wanted(), x=axis))


def comparison(studio: Studio) -> Any:
    values = {
        "base": "tiny", "columns": [{"name": "base", "stack": []}], "prompts": ["a cat"],
        "seeds": [1], "device": "cpu", "steps": 1,
    }  # fmt: skip
    return studio.generation.comparisons.compare(CompareSettings.parse(values))


def captions(studio: Studio) -> Any:
    return studio.generation.caption("zibbo", options=CaptionOptions("replace"))


def measuring(studio: Studio) -> Any:
    return studio.runs.estimate(run_config(studio))


def run_config(studio: Studio, **values: Any) -> RunConfig:
    start: dict[str, Any] = {
        "base": "tiny", "device": "cpu", "data": {"folder": "zibbo"}, "validation": {"every": "never"},
        "train": {"steps": 1, "batch_size": 1}, "sample": {"every": "never", "steps": 1},
    }  # fmt: skip
    return presets.config_from(None, start | values)


def run(studio: Studio, **values: Any) -> Any:
    state = studio.runs.wait(studio.runs.start(run_config(studio, **values)))
    if state.state == "failed":
        error = state.error
        assert error is not None
        raise (
            MemoryFullError(error.what, remedy=error.remedy)
            if error.kind == "MemoryFullError"
            else AssertionError(error)
        )
    return state


def class_images(studio: Studio) -> Any:
    number = len(studio.runs.all())
    prior = {"weight": 1.0, "prompts": [f"a cat {number}"], "images": 1}
    return run(studio, prior=prior)


def samples(studio: Studio) -> Any:
    return run(studio, sample={"every": 1, "steps": 1})


class Fails:
    """Where the memory runs out: whatever generates, describes or learns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        self.held: list[weakref.ref[torch.Tensor]] = []
        outer = self

        def denoise(*_: Any, **__: Any) -> Any:
            tensor = torch.zeros(1000)
            outer.held.append(weakref.ref(tensor))
            raise error

        def described(*_: Any, **__: Any) -> Any:
            class Captioner:
                def caption(self, images: Any, questions: Any = ()) -> Any:
                    return denoise(images)

            return Captioner()

        monkeypatch.setattr(Base, "denoise", denoise)
        monkeypatch.setattr(Trainer, "one_step", denoise)
        monkeypatch.setattr("studio.caption.captioner.load_captioner", described)


SITES: dict[str, tuple[Callable[[Studio], Any], str]] = {
    "generate": (generate, "smaller images or fewer at once"),
    "lanes": (lanes, "smaller images or fewer at once"),
    "effect": (effect, "switch off other files"),
    "grid": (grid, "continue the grid"),
    "comparison": (comparison, "batch size"),
    "captions": (captions, "smaller captioning model"),
    "measuring": (measuring, "Halve the batch size"),
    "class images": (class_images, "class images of your own"),
    "samples": (samples, "fewer sample prompts"),
}


def only_denoising(monkeypatch: pytest.MonkeyPatch, site: str, error: Exception) -> Fails:
    """Samples are generated by the same network that learns: there only sampling fails."""
    if site != "samples":
        return Fails(monkeypatch, error)
    normal = Trainer.one_step
    fails = Fails(monkeypatch, error)
    monkeypatch.setattr(Trainer, "one_step", normal)
    monkeypatch.undo()
    monkeypatch.setattr("studio.infer.passes.sample", _raiser(error, fails))
    return fails


def _raiser(error: Exception, fails: Fails) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        tensor = torch.zeros(1000)
        fails.held.append(weakref.ref(tensor))
        raise error

    return fail


@pytest.mark.parametrize(
    "form", ["torch", *(pytest.param(form, marks=pytest.mark.slow) for form in ("python", "cudnn, after"))]
)  # fmt: skip
@pytest.mark.parametrize("site", SITES)
def test_full_memory_is_said_given_back_and_survived(
    shared: Studio, monkeypatch: pytest.MonkeyPatch, site: str, form: str
) -> None:
    work, remedy = SITES[site]
    with monkeypatch.context() as patched:
        fails = only_denoising(patched, site, FORMS[form]())
        with pytest.raises(MemoryFullError) as caught:
            work(shared)
    assert caught.value.what == "The memory is full"
    assert remedy in (caught.value.remedy or "")
    assert fails.held
    assert all(held() is None for held in fails.held), "what did not fit is still held"
    if site in ("captions", "samples", "measuring"):  # nobody has the base any more
        assert shared.runtime._base is None
    assert shared.runtime.lock.holder is None
    assert len(shared.generation.generate(wanted()).images) == 1  # the next one in the same process


@pytest.mark.parametrize(
    "form",
    ["python", "cudnn, after", "cpu", "cublas", "mps", "xpu, driver", "bitsandbytes", "system"],
)
def test_every_form_is_said_where_images_are_generated(
    shared: Studio, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    with monkeypatch.context() as patched:
        Fails(patched, FORMS[form]())
        with pytest.raises(MemoryFullError, match="memory is full"):
            generate(shared)
    assert generate(shared).images


def test_while_the_base_is_loaded_it_is_no_broken_base(
    shared: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffusers import UNet2DConditionModel

    def full(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError(CUDA)

    shared.runtime.give_back(RuntimeError())
    with monkeypatch.context() as patched:
        patched.setattr(UNet2DConditionModel, "load_config", full)
        with pytest.raises(MemoryFullError):
            generate(shared)
    assert generate(shared).images


def test_images_finished_before_are_kept(shared: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Base.denoise
    calls: list[int] = []

    def second(self: Base, *rest: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) > 1:
            raise torch.OutOfMemoryError(CUDA)
        return real(self, *rest, **named)

    monkeypatch.setattr(Base, "denoise", second)
    with pytest.raises(MemoryFullError) as caught:
        shared.generation.generate(wanted(count=2, batch_size=1))
    assert "1 image finished before is kept" in (caught.value.safe or "")


def test_a_base_in_use_elsewhere_is_not_loaded_twice(shared: Studio) -> None:
    base = shared.runtime.base("tiny", "cpu")  # as a paused training holds it
    with pytest.raises(MemoryFullError), shared.runtime.turn("generating", "images"):
        raise torch.OutOfMemoryError(CUDA)
    assert shared.runtime.base("tiny", "cpu") is base


# The page and the command line, whatever asked.


@pytest.mark.parametrize("form", ["torch", "cpu", "cudnn", "bitsandbytes"])
def test_the_page_says_it_wherever_it_happens(form: str) -> None:
    def full(argument: Any) -> Any:
        raise FORMS[form]()

    answer = endpoint(full)(None)
    assert answer["error"]["what"] == "The memory is full"
    assert " or " in answer["error"]["remedy"]
    with pytest.raises(Exception, match="The memory is full"):
        handler(full)(None)
    task = Tasks().start("x", full)
    for thread in threading.enumerate():
        if thread.name == task.id:
            thread.join()
    assert task.error
    assert task.error["kind"] == "MemoryFullError"


@pytest.mark.parametrize("form", ["torch", "cpu", "cudnn", "python"])
def test_a_command_says_it_without_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    def full(*_: Any) -> Any:
        raise FORMS[form]()

    monkeypatch.setattr(Library, "inspect", full)
    file = tmp_path / "a.pt"
    file.write_bytes(b"x")
    assert cli.main(["--workspace", str(tmp_path / "w"), "inspect", str(file)]) == 1
    said = capsys.readouterr().err
    assert "The memory is full" in said
    assert "unexpected" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", "a cat", "--base", "tiny", "--set", "steps=1"],
        ["grid", "a cat", "--base", "tiny", "--x", "seed=1,2", "--set", "steps=1"],
        ["compare", "--base", "tiny", "--prompt", "a cat", "--seeds", "1", "--set", "steps=1"],
        ["caption", "zibbo", "--overwrite"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_commands_have_the_words_of_their_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:  # fmt: skip
    workspace = make_workspace(tmp_path / "w")
    Fails(monkeypatch, torch.OutOfMemoryError(CUDA))
    assert cli.main(["--workspace", str(workspace.root), *arguments]) == 1
    said = capsys.readouterr().err
    assert "The memory is full" in said
    work = {"generate": "images", "compare": "comparison", "caption": "captions"}
    assert memory._SAID[work.get(arguments[0], arguments[0])][1] in said  # type: ignore[index]


def test_our_own_errors_pass() -> None:
    with pytest.raises(StudioError, match="mine"), memory.explained("images"):
        raise StudioError("mine")
