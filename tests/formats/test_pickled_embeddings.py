"""Embeddings in `.pt` files of every hand: the right vectors, or a refusal that names the reason."""

from __future__ import annotations

import collections
import pathlib
from typing import Any

import numpy as np
import pytest
import torch

from studio.core.errors import FileError
from studio.formats import embedding, pickles
from studio.formats.inspect import inspect

VECTORS = torch.randn(2, 768, generator=torch.Generator().manual_seed(0)) * 0.05
EIGHTHS = (torch.arange(2 * 768).reshape(2, 768) % 15 - 7) / 8  # exact in eight bits, too


class FromArray:
    """Pickles as torch does a tensor of a Mac's graphics, or of a TPU."""

    def __init__(self, array: np.ndarray, dtype: torch.dtype = torch.float32, device: Any = "mps"):
        self.arguments = (array, dtype, device, False)

    def __reduce__(self):
        return torch._utils._rebuild_device_tensor_from_numpy, self.arguments


class Rebuilt:
    """Pickles as a call of one of torch's functions that rebuild a tensor."""

    def __init__(self, function: Any, *arguments: Any):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def attributed() -> torch.Tensor:
    tensor = VECTORS.clone()
    tensor.note = "somebody hung this on"
    return tensor


def attributed_parameter() -> torch.nn.Parameter:
    parameter = torch.nn.Parameter(VECTORS.clone())
    parameter.note = "and this"
    return parameter


def a1111(entry: Any = VECTORS, **facts: Any) -> dict[str, Any]:
    return {
        "string_to_token": {"*": 265}, "string_to_param": {"*": entry}, "name": "word",
        "step": 500, "sd_checkpoint": None, "sd_checkpoint_name": None, **facts,
    }  # fmt: skip


def old_storage() -> Rebuilt:
    storage = torch.storage.TypedStorage(wrap_storage=VECTORS.untyped_storage(), dtype=torch.float32,
                                         _internal=True)  # fmt: skip
    return Rebuilt(torch._utils._rebuild_tensor, storage, 0, (2, 768), (768, 1))


VALUES: dict[str, Any] = {
    "plain": a1111(),
    "a Mac's": a1111(FromArray(VECTORS.numpy())),
    "a Mac's in bfloat16": a1111(FromArray(VECTORS.numpy(), torch.bfloat16)),
    "a TPU's": a1111(FromArray(VECTORS.numpy(), device="xla:0")),
    "numpy array": a1111(VECTORS.numpy()),
    "numpy array in Fortran's order": a1111(np.asfortranarray(VECTORS.numpy())),
    "numpy array, high byte first": a1111(VECTORS.numpy().astype(">f4")),
    "numpy array of doubles": a1111(VECTORS.numpy().astype("f8")),
    "numpy table": {"<word>": VECTORS.numpy()},
    "numpy step": a1111(step=np.int64(500)),
    "numpy facts": a1111(
        loss=np.float64(0.1), half=np.float16(2), rate=np.float32(0.5), yes=np.bool_(True),
        byte=np.uint8(9), word=np.str_("é"), raw=np.bytes_(b"x"), kind=np.dtype("float32"),
        losses=np.arange(3), big=np.array(7, dtype=">i4"), empty=np.zeros((0, 3)),
    ),
    "numpy type as a fact": a1111(kind=np.dtype("<f4")),
    "tensor step": a1111(step=torch.tensor(500)),
    "float step": a1111(step=500.0),
    "dtype": a1111(dtype=torch.float32),
    "size": a1111(size=VECTORS.shape),
    "device": a1111(device=torch.device("cpu"), second=torch.device("cuda", 1)),
    "big numbers": a1111(big=2**40, negative=-(2**70)),
    "sets": a1111(tags={"a", "b"}, frozen=frozenset({1, 2}), none=set()),
    "bytes": a1111(raw=b"abc", more=bytearray(b"def")),
    "ordered": a1111(notes=collections.OrderedDict(a=1, b=[1, 2.5, None])),
    "bfloat16": a1111(EIGHTHS.bfloat16()),
    "eight bits": a1111(EIGHTHS.to(torch.float8_e4m3fn)),
    "eight bits with more exponent": a1111((EIGHTHS * 0 + 0.5).to(torch.float8_e5m2)),
    "parameter": a1111(torch.nn.Parameter(VECTORS)),
    "parameter table": a1111() | {
        "string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(VECTORS)})
    },
    "attributes": a1111(attributed()),
    "attributes on a parameter": a1111(attributed_parameter()),
    "the oldest call": a1111(old_storage()),
    "a list of one tensor": a1111([VECTORS]),
    "a list of rows": a1111(list(VECTORS)),
    "a list of numbers": a1111(VECTORS.tolist()),
    "a bare list": [VECTORS],
    "a tuple": {"<word>": (VECTORS[0], VECTORS[1])},
}  # fmt: skip
EXPECTED = {
    "bfloat16": EIGHTHS, "eight bits": EIGHTHS,
    "eight bits with more exponent": EIGHTHS * 0 + 0.5,
}  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", VALUES)
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_the_vectors_are_the_ones_that_were_saved(tmp_path, name, protocol):
    path = tmp_path / "word.pt"
    torch.save(VALUES[name], path, pickle_protocol=protocol)
    report = inspect(path, hashes=False)
    assert (report.kind, report.problems) == ("embedding", [])
    assert report.family == "sd1"
    file = embedding.read(path)
    ((word, slots),) = file.embeddings.items()
    assert word == "word"
    assert torch.equal(slots["text_encoder"], EXPECTED.get(name, VECTORS).float())
    assert file.step == (500 if "step" in VALUES[name] else None)


@pytest.mark.parametrize("name", ["plain", "a Mac's", "numpy table", "parameter table", "dtype"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.filterwarnings("ignore")
def test_the_old_layout_gives_the_same(tmp_path, name, protocol):
    path = tmp_path / "word.pt"
    torch.save(VALUES[name], path, _use_new_zipfile_serialization=False, pickle_protocol=protocol)
    assert inspect(path, hashes=False).family == "sd1"
    ((_, slots),) = embedding.read(path).embeddings.items()
    assert torch.equal(slots["text_encoder"], VECTORS)


def test_numbers_keep_their_values(tmp_path):
    torch.save(VALUES["numpy facts"], tmp_path / "x.pt")
    value = pickles.read_pt(tmp_path / "x.pt")
    assert (value["loss"], value["half"], value["rate"], value["yes"]) == (0.1, 2.0, 0.5, True)
    assert (value["byte"], value["word"], value["raw"]) == (9, "é", "x")
    assert value["losses"].tolist() == [0, 1, 2] and value["big"].item() == 7
    assert tuple(value["empty"].shape) == (0, 3)
    torch.save(VALUES["big numbers"], tmp_path / "y.pt")
    value = pickles.read_pt(tmp_path / "y.pt")
    assert (value["big"], value["negative"]) == (2**40, -(2**70))


class Unknown:
    def __reduce__(self):
        return pathlib.PurePosixPath, ("/a",)


@pytest.mark.parametrize(
    "value, reason",
    [
        (a1111(np.array([1 + 2j] * 768, dtype=np.complex64)), "c8"),
        (a1111(np.array([{"a": 1}, None], dtype=object)), "O8"),
        (a1111(np.zeros(2, dtype=[("a", "f4"), ("b", "i4")])), "records"),
        (a1111(when=np.datetime64("2024-01-01")), "M8"),
        (
            a1111(torch.sparse_coo_tensor([[0], [1]], [1.0], (2, 768), check_invariants=True)),
            "_rebuild_sparse_tensor",
        ),
        (a1111(torch.zeros(2, 768, dtype=torch.complex64)), "ComplexFloatStorage"),
        (a1111(where=Unknown()), "PurePosixPath"),
        (a1111(module=torch.nn.Linear(2, 2)), "torch.nn.modules.linear.Linear"),
        (a1111(torch.full((2, 768), float("nan"))), "NaN"),
        (a1111(np.full((2, 768), np.inf, dtype=np.float32)), "infinity"),
        (a1111([VECTORS, VECTORS[:, :5]]), "list of vectors"),
        (a1111([[1.0, 2.0], [3.0]]), "list of vectors"),
    ],
)
@pytest.mark.filterwarnings("ignore:Sparse")
def test_what_is_no_table_of_numbers_is_refused_by_its_name(tmp_path, value, reason):
    path = tmp_path / "word.pt"
    torch.save(value, path)
    with pytest.raises(FileError, match=reason):
        embedding.read(path)


def save(path, tensors, **metadata):
    from studio.formats import safetensors_file

    return safetensors_file.write(path, tensors, metadata)


@pytest.mark.parametrize(
    "shapes, family, dialect",
    [
        ({"clip_l": 768, "clip_g": 1280}, "sdxl", "sdxl"),
        ({"clip_l": 768}, "sd1", "clip_l"),
        ({"clip_l": 1024}, "sd2", "clip_l"),
        ({"clip_l": 96}, None, "clip_l"),
        ({"clip_g": 1280}, "sdxl", "clip_g"),
    ],
)
def test_which_encoders_are_there_decides_the_family(tmp_path, shapes, family, dialect):
    path = tmp_path / "x.safetensors"
    save(path, {name: torch.ones(2, width) for name, width in shapes.items()})
    report = inspect(path, hashes=False)
    assert (report.kind, report.family, report.dialect) == ("embedding", family, dialect)
    assert bool(report.problems) == (dialect == "clip_g")  # one of two that SDXL needs
    assert embedding.read(path).dialect == dialect


@pytest.mark.parametrize(
    "names",
    [["clip_l", "clip_g", "clip_l_out", "clip_g_out"], ["emb_params", "emb_params_out"],
     ["clip_l", "clip_l_out"], ["<word>", "<word>_out"]],
)  # fmt: skip
def test_output_vectors_are_named_and_not_taken_for_words(tmp_path, names):
    path = tmp_path / "word.safetensors"
    save(
        path,
        {name: torch.full((2, 1280 if "_g" in name else 768), float(len(name))) for name in names},
    )
    outputs = sorted(name for name in names if name.endswith("_out"))
    report = inspect(path, hashes=False)
    assert (report.kind, report.problems) == ("embedding", [])
    assert outputs[0] in report.notes[0]
    file = embedding.read(path)
    assert (file.outputs, list(file.embeddings)) == (outputs, ["word"])
    first = next(iter(file.embeddings["word"].values()))
    assert float(first[0, 0]) == len(next(name for name in names if name not in outputs))


def test_a_file_of_output_vectors_alone_is_refused_by_that_name(tmp_path):
    path = tmp_path / "word.safetensors"
    save(path, {"clip_l_out": torch.ones(2, 768)})
    assert "output vectors only (clip_l_out)" in " ".join(inspect(path, hashes=False).problems)
    with pytest.raises(FileError, match=r"output vectors only \(clip_l_out\)"):
        embedding.read(path)


def saved_and_read(tmp_path, value):
    torch.save(value, tmp_path / "word.pt")
    report = inspect(tmp_path / "word.pt", hashes=False)
    assert (report.kind, report.family, report.problems) == ("embedding", "sd1", [])
    ((_, slots),) = embedding.read(tmp_path / "word.pt").embeddings.items()
    return slots["text_encoder"]


def test_a_tensor_of_directml_is_read(tmp_path):
    """PyTorch 2.6 and later hand over a tensor of the CPU where others hand over an array."""
    moved = Rebuilt(
        torch._utils._rebuild_device_tensor_from_cpu_tensor,
        VECTORS, torch.float32, "privateuseone:0", False,
    )  # fmt: skip
    assert torch.equal(saved_and_read(tmp_path, a1111(moved)), VECTORS)


@pytest.mark.parametrize("spread", [torch.tensor(0.5), torch.tensor([[0.5], [0.25]])])
def test_numbers_spread_over_a_tensor_are_read(tmp_path, spread):
    vectors = spread.expand(2, 768)
    assert torch.equal(saved_and_read(tmp_path, a1111(vectors)), vectors)
    torch.save(a1111(torch.tensor(0.5).expand(1 << 20, 768)), tmp_path / "bomb.pt")
    with pytest.raises(FileError, match="far more tensors than data"):
        embedding.read(tmp_path / "bomb.pt")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_a_tensor_kept_with_opposite_signs_has_its_own(tmp_path, zipped):
    torch.save(
        a1111(torch._neg_view(VECTORS)), tmp_path / "w.pt", _use_new_zipfile_serialization=zipped
    )
    ((_, slots),) = embedding.read(tmp_path / "w.pt").embeddings.items()
    assert torch.equal(slots["text_encoder"], -VECTORS)


def test_a_table_in_a_state_dict_is_read_as_it_is_recognised(tmp_path):
    assert torch.equal(saved_and_read(tmp_path, {"state_dict": {"<word>": VECTORS}}), VECTORS)


@pytest.mark.parametrize("entry", [{"weight": VECTORS}, "none", [[1.0], [2.0, 3.0]]])
def test_a_word_without_vectors_is_a_problem_before_it_is_used(tmp_path, entry):
    torch.save(a1111(entry), tmp_path / "word.pt")
    problems = inspect(tmp_path / "word.pt", hashes=False).problems
    assert "None of its tensors is a list of vectors." in problems
    with pytest.raises(FileError, match="list of vectors"):
        embedding.read(tmp_path / "word.pt")
