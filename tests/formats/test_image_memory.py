"""What is known of images is found once, survives, and is given up when a file changes."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from PIL import Image

from studio.core.errors import Interrupted, StorageError
from studio.formats import image_memory, images
from studio.formats.image_memory import ImageMemory


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    (tmp_path / "set").mkdir()
    found = [tmp_path / "set" / f"{k}.jpg" for k in range(5)]
    for path in found:
        Image.effect_noise((64, 48), 90).convert("RGB").save(path)
    data = found[3].read_bytes()
    found[3].write_bytes(data[: len(data) // 2])
    (tmp_path / "set" / "4.jpg").write_bytes(b"nothing of the kind")
    return found


def counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    for name in ("image_header", "check_image"):
        real = getattr(images, name)

        def counted(path: Path, *rest: object, name: str = name, real=real) -> object:
            calls.append(f"{name} {path.name}")
            return real(path, *rest)

        monkeypatch.setattr(images, name, counted)
    return calls


def test_a_header_does_not_see_what_decoding_sees(paths: list[Path], tmp_path: Path) -> None:
    memory = ImageMemory(tmp_path / "cache")
    assert list(memory.broken(paths)) == [paths[4]]
    assert memory.decode(paths) == 0
    broken = memory.broken(paths)
    assert list(broken) == [paths[3], paths[4]]
    assert "damaged or cut off" in broken[paths[3]] and "text file" in broken[paths[4]]
    assert (memory.facts(paths[0]).width, memory.facts(paths[0]).height) == (64, 48)


def test_it_is_remembered_after_a_restart_and_given_up_when_the_file_changes(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ImageMemory(tmp_path / "cache").decode(paths)
    calls = counting(monkeypatch)
    memory = ImageMemory(tmp_path / "cache")
    assert memory.decode(paths) == 0 and list(memory.broken(paths)) == paths[3:]
    assert calls == []
    Image.new("RGB", (8, 8)).save(paths[3])
    memory.decode(paths)
    assert calls == ["image_header 3.jpg", "check_image 3.jpg"]
    assert list(memory.broken(paths)) == [paths[4]]


def test_several_that_wait_decode_each_image_once(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counting(monkeypatch)
    memory = ImageMemory()
    threads = [threading.Thread(target=memory.decode, args=(paths,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(c for c in calls if c.startswith("check")) == [
        f"check_image {k}.jpg" for k in range(4)
    ]


def test_a_header_read_late_does_not_replace_what_was_decoded(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread reads a header while another decodes the same image, and comes back after it."""
    memory, real = ImageMemory(), images.image_header
    decoded = False

    def late(path: Path) -> object:
        nonlocal decoded
        header = real(path)
        if not decoded:
            decoded = True
            assert memory.decode([path]) == 0
        return header

    monkeypatch.setattr(images, "image_header", late)
    assert memory.facts(paths[0]).decoded
    assert memory.facts(paths[0]).decoded


def test_without_patience_the_work_goes_on_in_the_background(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    real = images.check_image

    def slow(path: Path) -> images.Checked:
        gate.wait(60)
        return real(path)

    monkeypatch.setattr(images, "check_image", slow)
    memory = ImageMemory()
    assert memory.decode(paths, patience=0) == 4
    assert not memory.facts(paths[0]).decoded
    gate.set()
    assert memory.decode(paths) == 0


def test_somebody_who_stops_it_stops_it(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    def slow(path: Path) -> images.Checked:
        gate.wait(60)
        return images.Checked(None, False)

    monkeypatch.setattr(images, "check_image", slow)

    def stop(done: int, total: int) -> None:
        raise Interrupted("stopped")

    memory = ImageMemory()
    with pytest.raises(Interrupted):
        memory.decode(paths, on_progress=stop)
    assert not memory._waiting
    gate.set()


def test_what_the_disk_refuses_is_not_held_against_the_image(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(path: Path) -> object:
        raise StorageError("This file could not be read", where=path)

    memory = ImageMemory(tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr(images, "image_header", refusing)
        assert memory.facts(paths[0]).problem
    assert memory.facts(paths[0]).problem is None
    with monkeypatch.context() as patch:
        patch.setattr(images, "check_image", refusing)
        assert memory.decode([paths[0]]) == 0
    assert memory.facts(paths[0]).problem is None and not memory.facts(paths[0]).decoded


def test_a_system_error_while_decoding_is_the_disks(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> object:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(images, "orientation", failing)
    with pytest.raises(StorageError, match="Input/output error"):
        images.open_image(paths[0])


@pytest.mark.parametrize("content", [b"", b"{", b'{"layout": "x"}', b'{"files": [1]}', b"\xff"])
def test_a_damaged_memory_is_as_good_as_none(
    paths: list[Path], tmp_path: Path, content: bytes
) -> None:
    ImageMemory(tmp_path / "cache").decode(paths)
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(content)
    memory = ImageMemory(tmp_path / "cache")
    assert memory.decode(paths) == 0 and list(memory.broken(paths)) == paths[3:]


def test_a_memory_that_cannot_be_written_costs_only_time(paths: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    memory = ImageMemory(tmp_path / "file" / "cache")
    assert memory.decode(paths) == 0 and list(memory.broken(paths)) == paths[3:]


def test_names_of_any_bytes_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    Image.new("RGB", (8, 8)).save(path)
    ImageMemory(tmp_path / "cache").decode([path])
    calls = counting(monkeypatch)
    assert ImageMemory(tmp_path / "cache").facts(path).decoded and calls == []


def test_black_and_transparent_are_known(tmp_path: Path) -> None:
    Image.new("L", (32, 32), 0).save(tmp_path / "black.jpg")
    Image.new("RGBA", (8, 8), (9, 9, 9, 0)).save(tmp_path / "clear.png")
    memory = ImageMemory()
    paths = [tmp_path / "black.jpg", tmp_path / "clear.png"]
    memory.decode(paths)
    assert [memory.facts(path).black for path in paths] == [True, False]
    assert [memory.facts(path).transparent for path in paths] == [False, True]


def test_threads_leave_a_core_to_whatever_trains() -> None:
    assert 1 <= image_memory.THREADS <= 4
