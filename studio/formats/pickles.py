"""`.pt`, `.bin`, `.ckpt`: PyTorch's pickled containers, read without running anything in them.

Owns: what is read of them and how their errors read. This is the only place in the studio that
reads pickles; a test keeps `pickle.load` and `torch.load` out of everywhere else.
Refuses to know: the containers' layouts (`pickle_containers`), what the objects mean; writing
(`pickle_write`, offered here as well).
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.counts import counted
from studio.core.errors import FileError
from studio.formats.pickle_containers import Legacy, Zip
from studio.formats.pickle_values import Refused, StorageRef, TensorSpec
from studio.formats.pickle_write import a1111_would_accept, write_pt
from studio.formats.safetensors_header import DTYPES
from studio.formats.sniff import open_file, sniff_bytes, wrong_content

if TYPE_CHECKING:
    import torch

__all__ = ["a1111_would_accept", "opened_checkpoint", "read_outline", "read_pt", "write_pt"]

MAX_FILE_BYTES = 4 << 30


def read_pt(path: str | Path, *, max_bytes: int = MAX_FILE_BYTES) -> Any:
    """The object in a PyTorch file, tensors on the CPU whatever device they were saved from.

    Tables come back as `dict` (ParameterDict too), parameters as plain tensors. Raises FileError
    when the content is anything a weight file does not need, broken, or larger than `max_bytes`.
    """
    with _opened(path, max_bytes) as container:
        outline = container.run()
        container.check(outline)
        tensors: dict[str, torch.Tensor] = {}
        for reference in outline.storages.values():
            tensors[reference.key] = _storage_tensor(container.storage(reference), reference)

        def made(spec: TensorSpec, data: bytes | None) -> torch.Tensor:
            if data is not None:
                return _view(_storage_tensor(bytearray(data), spec.storage), spec)
            return _view(tensors[spec.storage.key], spec)

        return container.run(made).value


def read_outline(path: str | Path, *, max_bytes: int = MAX_FILE_BYTES) -> Any:
    """The same object with a `TensorSpec` in place of every tensor; needs no torch, reads no data.

    Errors as in `read_pt`.
    """
    with _opened(path, max_bytes) as container:
        outline = container.run()
        container.check(outline)
        return outline.value


@contextmanager
def opened_checkpoint(
    path: str | Path, *, max_bytes: int
) -> Iterator[tuple[Any, Callable[[TensorSpec], torch.Tensor]]]:
    """The outline of a whole model's file, and a function that reads one of its tensors.

    Only the tensor that is asked for is in memory. What training programs leave beside the weights
    is left out. Errors as in `read_pt`.
    """
    with _opened(path, max_bytes) as container:
        outline = container.run(training_leftovers=True)
        container.check(outline)
        last: list[tuple[str, torch.Tensor]] = []

        def read(spec: TensorSpec) -> torch.Tensor:
            if not last or last[0][0] != spec.storage.key:  # several tensors may share their data
                last.clear()
                inline = outline.inline.get(spec.storage.key)
                data = container.storage(spec.storage) if inline is None else bytearray(inline)
                last.append((spec.storage.key, _storage_tensor(data, spec.storage)))
            return _view(last[0][1], spec)

        yield outline.value, read


@contextmanager
def _opened(path: str | Path, max_bytes: int) -> Iterator[Zip | Legacy]:
    with open_file(path) as file:
        content = sniff_bytes(file.read(512))
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if content not in ("zip", "torch-legacy"):
            raise wrong_content(path, content, "a PyTorch weight file")
        if size > max_bytes:
            raise FileError(
                "This file is too large to be read safely",
                where=path,
                why=f"It has {counted(size, 'byte')}; the limit here is {max_bytes:,}.",
            )
        try:
            yield Zip(file, size) if content == "zip" else Legacy(file, size)
        except Refused as error:
            raise FileError(
                "This file was refused, and nothing in it was run",
                where=path,
                why=f"It contains {error}.",
                remedy="Ask its author for a .safetensors version.",
            ) from error
        # zipfile says NotImplementedError to a compression it does not know
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise _broken(path) from error
        except (RuntimeError, ValueError, OverflowError, OSError) as error:
            raise _broken(path) from error


def _broken(path: str | Path) -> FileError:
    return FileError(
        "This PyTorch file is damaged",
        where=path,
        why="Its container cannot be read to the end, or a checksum differs.",
        remedy="Download or copy it again and compare its size.",
    )


def _storage_tensor(buffer: bytearray, reference: StorageRef) -> torch.Tensor:
    import torch

    dtype = getattr(torch, DTYPES[reference.dtype][1])
    if not buffer:
        return torch.empty(0, dtype=dtype)
    return torch.frombuffer(buffer, dtype=dtype)


def _view(storage: torch.Tensor, spec: TensorSpec) -> torch.Tensor:
    import torch

    dtype = getattr(torch, DTYPES[spec.dtype][1])
    if storage.dtype != dtype:  # plain bytes, of which the tensor says what they are
        storage = storage.view(dtype)
    view = storage.as_strided(spec.shape, spec.stride, spec.offset)
    return view.neg() if spec.negated else view
