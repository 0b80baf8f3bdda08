"""A base in fewer bits or streamed: the same gradients, the same training, and adapters as on any base."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from studio.adapters.stack import applied
from studio.core.errors import UnavailableError
from studio.families import frozen, frozen_kinds, streaming
from studio.families.base import Base
from studio.families.frozen import Frozen
from studio.families.frozen_kinds import KINDS
from studio.families.frozen_weight import FrozenWeight
from studio.families.loading import load_base
from studio.settings.training import StackItem
from studio.train.state import Progress, latest_checkpoint, load_checkpoint, save_checkpoint
from tests.matrix.conftest import images, make_trainer
from tests.methods.conftest import FACTS, predict, prepare, stir
from tests.tiny import make_tiny_sd1

__all__ = ["images"]

Load = Callable[..., Base]
SIZES = {"int8": 0.29, "fp8": 0.29, "nf4": 0.17}
"""Bytes of weights in fewer bits, of fp32's, with their scales; small layers have many scales."""
ERRORS = {"int8": 0.01, "fp8": 0.04, "nf4": 0.11}
"""How far a weight is off, of its norm, for numbers of a normal distribution."""
OPTIONS: dict[str, dict[str, Any]] = {
    "lora": {"target": "attention + MLP + conv", "text_encoder": True, "rank": 4, "dora": True},
    "hypernetwork": {},
    "textual-inversion": {},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_sd1(tmp_path_factory.mktemp("frozen"))


@pytest.fixture
def load(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    small = 20_000  # bytes, so that a tiny denoiser has many blocks
    monkeypatch.setattr(
        frozen, "Stream", lambda device: streaming.Stream(device, block_bytes=small)
    )
    return lambda *wanted, **more: load_base(folder, "cpu", "fp32", frozen=Frozen(*wanted, **more))


def weights(base: Base) -> list[tuple[nn.Module, FrozenWeight]]:
    found = [
        (m, m._parameters.get("weight")) for c in base.components().values() for m in c.modules()
    ]
    return [(m, w) for m, w in found if isinstance(w, FrozenWeight)]


def gradients(base: Base, method: str) -> list[Tensor]:
    """Of everything that `method` trains, after a backward pass through the whole base."""
    trainable = stir(prepare(base, method, **OPTIONS[method]), 0.01)
    noise = torch.randn(1, base.latent_channels, 16, 16, generator=torch.Generator().manual_seed(5))
    with trainable.attached(training=True):
        text = base.encode(["a zibbo cat"])
        base.denoise(noise, torch.tensor([400]), text, (32, 32)).square().mean().backward()
    found = [tensor.grad for group in trainable.groups for tensor in group.parameters]
    assert any(g is not None and bool(g.any()) for g in found)
    return [torch.zeros(1) if gradient is None else gradient for gradient in found]


@pytest.mark.parametrize("kind", list(SIZES))
def test_gradients_through_fewer_bits_are_those_of_the_same_weights_made_whole(
    load: Load, kind: str
) -> None:
    base, whole = load(kind), load()
    there = {id(m): w for m, w in weights(base)}
    stored = sum(part.nbytes for w in there.values() for part in w.held())
    full = sum(w.numel() * 4 for w in there.values())
    assert stored < SIZES[kind] * full
    for name, component in base.components().items():
        assert sum(id(m) in there for m in component.modules()) > 5, f"{name} is kept as it was"
        for place, module in component.named_modules():
            if id(module) in there:
                plain = whole.components()[name].get_submodule(place)
                plain.weight = nn.Parameter(there[id(module)].whole(), requires_grad=False)
    assert torch.equal(predict(base), predict(whole))
    for method in OPTIONS:
        for ours, theirs in zip(gradients(base, method), gradients(whole, method), strict=True):
            assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-3 * float(theirs.abs().max()))


@pytest.mark.parametrize("kind", list(ERRORS))
def test_a_weight_in_fewer_bits_is_near_what_it_was(kind: str) -> None:
    weight = torch.randn(24, 40, 3, 3, generator=torch.Generator().manual_seed(1)) * 0.02
    weight[3] = 0  # a channel without anything has no largest number
    again = KINDS[kind].unpack(KINDS[kind].pack(weight), weight.shape, torch.float32)
    assert float((again - weight).norm() / weight.norm()) < ERRORS[kind]
    assert not again[3].any()
    half = KINDS[kind].unpack(KINDS[kind].pack(weight.bfloat16()), weight.shape, torch.bfloat16)
    assert half.dtype == torch.bfloat16
    assert float((half.float() - weight).norm() / weight.norm()) < ERRORS[kind] + 0.01


def test_nf4_is_packed_as_bitsandbytes_does() -> None:
    functional = pytest.importorskip("bitsandbytes.functional")
    weight = torch.randn(32, 48, generator=torch.Generator().manual_seed(1)) * 0.02
    theirs, state = functional.quantize_4bit(weight, blocksize=64, quant_type="nf4")
    packed, tops = KINDS["nf4"].pack(weight)
    assert torch.equal(packed, theirs.flatten())
    assert torch.equal(tops, state.absmax)


@pytest.mark.parametrize("checkpointing", ["false", "true"])
@pytest.mark.parametrize("wanted", [Frozen(stream=True), Frozen("int8", stream=True, offload=True)])
def test_streaming_trains_the_same_bit_for_bit_also_when_resumed(
    load: Load, images: Path, tmp_path: Path, wanted: Frozen, checkpointing: str
) -> None:
    steps = ("train.steps=3", f"train.gradient_checkpointing={checkpointing}")

    def trained(base: Base, begin: int = 1, end: int = 3) -> dict[str, Tensor]:
        run = make_trainer(base, "lora", images, tmp_path, *steps)
        if begin > 1:
            saved = latest_checkpoint(tmp_path / str(begin - 1))
            assert saved is not None
            _, state = load_checkpoint(saved, run.optimizer)
            run.load_state(state)
        for step in range(begin, end + 1):
            run.one_step(step)
        save_checkpoint(tmp_path / str(end), Progress(step=end), run.state(), run.optimizer)
        return {name: tensor.detach().clone() for name, tensor in run.state().items()}

    streamed = load(wanted.weights, wanted.stream, wanted.offload)
    plain = trained(load(wanted.weights))
    assert same(trained(streamed), plain)
    trained(streamed, end=1)
    assert same(trained(streamed, begin=2), plain), "resumed"


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_two_blocks_are_on_the_device_and_most_come_ahead_of_their_use() -> None:
    stream = streaming.Stream(torch.device("cpu"), block_bytes=1000)
    tensors = [torch.full((250,), float(k)) for k in range(6)]
    held = [stream.add((tensor,)) for tensor in tensors]
    stream.seal()
    assert stream.nbytes >= 6 * 1000
    for _ in range(6):
        for k in [*range(6), *reversed(range(6))]:  # forward, backward
            assert torch.equal(held[k]()[0], tensors[k])
            assert stream.on_device <= 2
    uploaded = stream.uploads
    assert stream.guessed > 0.7 * uploaded, "all but those of the first time"
    assert uploaded < 60, "the one at a turn stays"


def test_neither_weights_nor_a_frozen_layers_input_are_kept_for_the_backward_pass(
    load: Load,
) -> None:
    def kept(base: Base) -> int:
        seen: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        trainable = prepare(base, "lora")
        noise = torch.randn(1, base.latent_channels, 16, 16)
        text = base.encode(["a cat"])
        with trainable.attached(), torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            base.denoise(noise, torch.tensor([400]), text, (32, 32)).mean().backward()
        return sum(seen.values())

    int8, whole = load("int8"), load()
    full = sum(w.numel() * 4 for m, w in weights(int8))
    assert kept(int8) < kept(whole) - full / 4


def test_a_file_goes_on_and_off_a_base_in_fewer_bits(load: Load, tmp_path: Path) -> None:
    base = load("int8", True)
    trainable = stir(prepare(base, "lora"))
    file = trainable.export(tmp_path, FACTS)[0]
    before, places = predict(base), [id(weight) for _, weight in weights(base)]
    with trainable.attached():
        trained = predict(base)
    with applied(base, [StackItem(path=str(file))]) as reports:
        assert not reports[0].unmatched
        merged = predict(base)
    assert float((merged - trained).norm() / (trained - before).norm()) < 0.02  # the file is fp16
    assert torch.equal(predict(base), before)
    assert [id(weight) for _, weight in weights(base)] == places


def test_a_frozen_weight_is_read_like_any_other_and_never_changed(load: Load) -> None:
    layer, weight = weights(load("int8"))[0]
    assert isinstance(layer.weight, nn.Parameter) and not layer.weight.requires_grad
    assert torch.equal(weight.float() + 1, weight.whole() + 1)
    assert torch.equal(weight.detach().to(torch.float32, copy=True), weight.whole())
    with pytest.raises(TypeError, match="cannot be changed"):
        weight.mul_(2)


def test_a_kind_that_does_not_work_on_the_device_is_refused(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any) -> Any:
        raise RuntimeError("no kernel for this")

    row = frozen_kinds.Kind("fp8", 8, missing, KINDS["fp8"].unpack)
    monkeypatch.setitem(frozen_kinds.KINDS, "fp8", row)
    with pytest.raises(UnavailableError, match="do not work on this device") as caught:
        load("fp8")
    assert "no kernel" in (caught.value.why or "") and "int8" in (caught.value.remedy or "")
