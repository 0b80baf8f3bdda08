"""A tiny tagger of the true layout: an ONNX file and its list of tags.

Owns: the files. The network is one matrix on the mean colour, so its answers can be worked out by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

TAGS = (
    (0, "general", 9), (1, "sensitive", 9),
    (2, "blue_hair", 0), (3, "red_hat", 0), (4, "^_^", 0), (5, "cat_(animal)", 0),
    (6, "some_character_(series)", 4),
)  # fmt: skip


def make_tagger(
    folder: Path,
    *,
    shape: Sequence[int | str] = ("batch_size", 16, 16, 3),
    tags: Sequence[tuple[int, str, int]] = TAGS,
    outputs: int | None = None,
    sigmoid: bool = True,
    dtype: str = "FLOAT",
) -> Path:
    """Blue makes “blue_hair” and the character probable, red “red_hat”; the rest stays the same."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    count = len(tags) if outputs is None else outputs
    weight = np.zeros((3, count), np.float32)
    bias = np.full(count, -9.0, np.float32)
    for place in range(min(count, 7)):
        bias[place] = (1.0, 0.0, -4.0, -4.0, -0.2, -0.4, -4.0)[place]
    if count >= 7:
        weight[0, [2, 6]] = 8 / 255, 6.5 / 255  # the first channel of BGR is blue
        weight[2, 3] = 8 / 255
    axes = numpy_helper.from_array(np.array([2, 3] if shape[1] == 3 else [1, 2], np.int64), "axes")
    kinds = getattr(TensorProto, dtype)
    nodes = [
        helper.make_node("Cast", ["input"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["cast", "axes"], ["colour"], keepdims=0),
        helper.make_node("Gemm", ["colour", "weight", "bias"], ["logits"]),
        helper.make_node("Sigmoid" if sigmoid else "Identity", ["logits"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes, "tagger",
        [helper.make_tensor_value_info("input", kinds, list(shape))],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [shape[0], count])],
        [axes, numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / "model.onnx"))
    rows = [f"{number},{name},{category},{1000 - number}" for number, name, category in tags]
    (folder / "selected_tags.csv").write_text(
        "\n".join(["tag_id,name,category,count", *rows]) + "\n"
    )
    return folder
