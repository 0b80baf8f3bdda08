"""The fused backward pass gives what the ordinary way gives, with hardly a gradient in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from studio import methods
from studio.core.errors import NonFiniteError, SettingsError, TrainingError
from studio.families.base import Base
from studio.families.loading import load_base
from studio.runs.estimate import kept
from studio.train.fused import FusedBackward
from studio.train.loop import Trainer
from studio.train.optim import OPTIMIZERS
from studio.train.state import Progress, latest_checkpoint, load_checkpoint, save_checkpoint
from tests.matrix.conftest import make_trainer
from tests.tiny import make_tiny_sd1

FUSED = "options.fused_backward=true"
PER_TENSOR = "options.clipping=per-tensor"
STOCHASTIC = "options.weights=bf16-stochastic"
UNCLIPPED = "train.clip_gradient_norm=0"
Make = Callable[..., Trainer]


@pytest.fixture(scope="module")
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Base:
    """In bf16, where the leaves are not the copies; in another precision where a test says so."""
    precision = getattr(request, "param", "bf16")
    return load_base(make_tiny_sd1(tmp_path_factory.mktemp(precision)), "cpu", precision)


@pytest.fixture
def make(tiny: Base, images: Path, tmp_path: Path) -> Make:
    def made(*changes: str, prior: bool = False) -> Trainer:
        run = make_trainer(tiny, "dreambooth", images, tmp_path, "train.steps=4", *changes)
        if prior:
            run.prior = list(reversed(run.items))
            run.prior_plan.__init__(run.prior, run.config.train.batch_size, run.prior_seed)  # type: ignore[misc]
        return run

    return made


def held(run: Trainer) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in run.state().items()}


def assert_same(one: Trainer, other: Trainer) -> None:
    first, second = held(one), held(other)
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert first.keys() == second.keys() and not different


@pytest.mark.parametrize(
    "settings",
    [
        ("train.clip_gradient_norm=0.01", "train.gradient_checkpointing=true"),
        (PER_TENSOR, "train.clip_gradient_norm=0.01", "train.gradient_accumulation=3"),
        ("train.clip_gradient_norm=0.01", "train.gradient_accumulation=2", "prior.weight=0.5"),
        (UNCLIPPED, "options.weights=bf16", "train.text_learning_rate=1e-4"),
        (PER_TENSOR, STOCHASTIC, "prior.weight=1", "train.ema=0.9"),
    ],
    ids=lambda settings: " ".join(settings),
)
@pytest.mark.parametrize(
    "tiny", [pytest.param("fp32", marks=pytest.mark.slow), "bf16"], indirect=True
)
def test_it_is_the_ordinary_step_bit_for_bit(make: Make, settings: tuple[str, ...]) -> None:
    prior = any(name.startswith("prior") for name in settings)
    plain, fused = make(*settings, prior=prior), make(FUSED, *settings, prior=prior)
    assert isinstance(fused.update, FusedBackward) and not isinstance(plain.update, FusedBackward)
    rounded = 2**-8 if STOCHASTIC in settings else 0  # the ordinary way adds up squares in bf16
    for step in range(1, 4):  # the text encoder stops after two
        one, other = plain.one_step(step), fused.one_step(step)
        assert (one.loss, one.prior) == (other.loss, other.prior)
        assert one.norm == pytest.approx(other.norm, rel=rounded, abs=0)
    assert_same(plain, fused)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "prodigy"])
def test_every_other_optimizer_steps_one_tensor_as_it_steps_all(make: Make, name: str) -> None:
    settings = (f"train.optimizer={name}", UNCLIPPED)
    plain, fused = make(*settings), make(FUSED, *settings)
    for step in (1, 2):
        plain.one_step(step), fused.one_step(step)
    assert_same(plain, fused)


def test_prodigy_is_refused_in_words(make: Make) -> None:
    for choice in (FUSED, PER_TENSOR, STOCHASTIC):
        with pytest.raises(SettingsError, match="all gradients at once"):
            make(choice, "train.optimizer=prodigy")


@pytest.mark.parametrize(
    "settings",
    [
        (FUSED, PER_TENSOR),
        (FUSED, UNCLIPPED, STOCHASTIC, "train.ema=0.9"),
        (FUSED, PER_TENSOR, STOCHASTIC, "train.optimizer=adamw-8bit"),
        *(
            pytest.param(changes, marks=pytest.mark.slow)
            for changes in (
                (STOCHASTIC, "train.gradient_accumulation=2"),
                (FUSED, PER_TENSOR, STOCHASTIC, "train.optimizer=adafactor"),
                ("options.weights=bf16", "train.optimizer=adamw-8bit"),
                ("options.weights=bf16", "train.optimizer=adafactor"),
            )
        ),
    ],
    ids=lambda settings: " ".join(settings),
)
def test_a_resumed_run_is_bit_equal(make: Make, tmp_path: Path, settings: tuple[str, ...]) -> None:
    whole = make(*settings)
    whole.run()
    first = make(*settings)

    def save(progress: Progress) -> None:
        save_checkpoint(tmp_path / "run", progress, first.state(), first.optimizer)

    first.hooks.save = save
    first.hooks.step = lambda facts: setattr(first.commands, "stop", facts.step == 2)
    assert first.run() is False
    second = make(*settings)
    second.progress, state = load_checkpoint(latest_checkpoint(tmp_path / "run"), second.optimizer)
    second.load_state(state)
    second.run()
    assert_same(whole, second)


def test_a_checkpoint_of_the_ordinary_way_goes_on_fused(make: Make, tmp_path: Path) -> None:
    plain = make(UNCLIPPED)
    plain.one_step(1)
    save_checkpoint(tmp_path / "run", plain.progress, plain.state(), plain.optimizer)
    fused = make(FUSED, UNCLIPPED)
    fused.progress, state = load_checkpoint(latest_checkpoint(tmp_path / "run"), fused.optimizer)
    fused.load_state(state)
    plain.one_step(2), fused.one_step(2)
    assert_same(plain, fused)


def test_samples_and_validation_between_steps_disturb_nothing(make: Make) -> None:
    settings = (FUSED, PER_TENSOR, "train.ema=0.5")
    quiet, asked = make(*settings), make(*settings)
    for step in range(1, 4):
        quiet.one_step(step), asked.one_step(step)
        with asked.averaged():
            average = asked.validation.measure()[0]
        assert step == 1 or average != asked.validation.measure()[0], "the average is shown"
    assert_same(quiet, asked)
    plain = make(PER_TENSOR, "train.ema=0.5")
    for step in range(1, 4):
        plain.one_step(step)
    assert plain.validation.measure() == asked.validation.measure()


@pytest.mark.parametrize("settings", [(PER_TENSOR,), ("train.clip_gradient_norm=1",)])
def test_hardly_more_than_one_gradient_is_alive(make: Make, settings: tuple[str, ...]) -> None:
    run = make(FUSED, *settings)
    alive: list[int] = []
    for leaf in run.trainable.leaves():
        leaf.register_post_accumulate_grad_hook(
            lambda _: alive.append(sum(one.grad is not None for one in run.trainable.leaves()))
        )
    run.one_step(1)
    assert alive and max(alive) <= 1
    assert all(p.grad is None for p in run.parameters)
    largest = max(leaf.nbytes for leaf in run.trainable.leaves())
    assert 0 < run.update.gradient_bytes <= largest
    kept = make(FUSED, *settings, "train.gradient_accumulation=2")
    kept.one_step(1)
    assert kept.update.gradient_bytes > sum(p.nbytes for p in kept.parameters) / 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bad_loss_changes_nothing(make: Make, bad: float) -> None:
    run = make(FUSED, PER_TENSOR, "train.gradient_accumulation=2")
    run.one_step(1)
    before, normal = held(run), run.batch_loss
    run.batch_loss = lambda number, step: (  # type: ignore[method-assign]
        normal(number, step) * (bad if number == 3 else 1)
    )
    with pytest.raises(NonFiniteError, match="everything up to step 1 is unharmed"):
        run.one_step(2)
    after = held(run)
    assert all(torch.equal(before[name], after[name]) for name in before)
    run.batch_loss = normal  # type: ignore[method-assign]
    fresh = make(FUSED, PER_TENSOR, "train.gradient_accumulation=2")
    fresh.one_step(1), fresh.one_step(2), run.one_step(2)
    assert_same(fresh, run)


def poison(run: Trainer, place: int) -> Tensor:
    """Makes the gradient of one tensor NaN from now on."""
    leaf = run.trainable.leaves()[place]
    leaf.register_hook(lambda gradient: gradient * float("nan"))
    return run.parameters[place]


def test_a_bad_gradient_is_not_used_and_half_a_step_not_kept(make: Make, tmp_path: Path) -> None:
    run = make(FUSED, PER_TENSOR)
    run.one_step(1)
    poisoned = poison(run, 0)
    before, others = poisoned.detach().clone(), held(run)
    with pytest.raises(NonFiniteError, match="in the middle of step 2") as caught:
        run.one_step(2)
    assert "nothing is saved" in str(caught.value)
    assert caught.value.safe is None, "what is safe is on disk, and the run says it"
    assert torch.equal(poisoned, before)
    changed = {n: t for n, t in run.trainable.state().items() if not torch.equal(t, others[n])}
    assert changed, "else this test would show nothing"
    for use in (run.state, lambda: run.one_step(2)):
        with pytest.raises(TrainingError, match="Only some of the weights"):
            use()
    assert all(leaf.grad is None for leaf in run.trainable.leaves())


def test_clipping_by_the_norm_of_all_sees_it_in_time(make: Make) -> None:
    run = make(FUSED)
    run.one_step(1)
    poison(run, 0)
    before = held(run)
    with pytest.raises(NonFiniteError, match="everything up to step 1 is unharmed"):
        run.one_step(2)
    after = held(run)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_an_error_in_the_middle_leaves_nothing_to_save(make: Make) -> None:
    run = make(FUSED, PER_TENSOR)
    leaf = run.trainable.leaves()[0]

    def full(_: Tensor) -> None:
        raise MemoryError

    leaf.register_hook(full)
    with pytest.raises(MemoryError):
        run.one_step(1)
    with pytest.raises(TrainingError, match="Only some of the weights"):
        run.state()


@pytest.mark.parametrize(
    "settings",
    [
        (),
        (FUSED, PER_TENSOR),
        (FUSED, PER_TENSOR, STOCHASTIC, "train.ema=0.9"),
        (STOCHASTIC, "train.optimizer=lion"),
        ("options.weights=bf16",),
    ],
    ids=lambda settings: " ".join(settings),
)
def test_the_estimated_memory_is_what_is_there(make: Make, settings: tuple[str, ...]) -> None:
    run = make(*settings, "options.text_encoder=false")
    run.one_step(1)
    there, count = sum(kept(run).values()), sum(p.numel() for p in run.parameters)
    if FUSED in settings:
        there -= (
            run.update.gradient_bytes
        )  # one at a time: a part of a tiny model, not of a large one
    elif run.parameters[0].dtype == torch.float32:
        there += 2 * count  # the copy in the base's precision, while a step is computed
    expected = methods.find("dreambooth").bytes_per_parameter(run.config)
    assert there / count == pytest.approx(expected, rel=0.01)
