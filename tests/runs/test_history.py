"""What past runs say, read off states and events as they are on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.library.presets import make_config
from studio.runs.history import difference, experience
from studio.runs.records import Event, Finished, RunState, RunView, Validated, Verification
from studio.settings.training import RunConfig


def state(**facts: Any) -> RunState:
    """A finished run."""
    known = {"state": "finished", "method": "lora", "base": "tiny", "steps": 10, "step": 10}
    return RunState.read(known | facts)


def test_experience_is_measured_per_method_and_base(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    file.write_bytes(b"x" * 1234)
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "unet.safetensors").write_bytes(b"x" * 99)
    found = experience(
        [
            state(seconds=10.0, files=[str(file)]),
            state(seconds=30.0, files=[str(tmp_path / "gone")]),
            state(seconds=20.0),
            state(seconds=1.0, state="stopped"),
            state(seconds=None),
            state(method="dreambooth", seconds=5.0, files=[str(tmp_path / "whole")]),
        ]
    )
    by_method = {entry.method: entry for entry in found}
    assert by_method["lora"].runs == 3
    assert by_method["lora"].seconds == 20.0
    assert by_method["lora"].bytes == 1234
    assert by_method["dreambooth"].bytes == 99, "a folder counts whole"
    assert experience([]) == []


def view(config: RunConfig, *validations: tuple[int, float, float | None], **facts: Any) -> RunView:
    events: list[Event] = [
        Validated(step=n, train=train, held_out=held) for n, train, held in validations
    ]
    events.append(Finished(verify=Verification(change=0.04)))
    return RunView(state(**facts), config, events, 0)


def test_only_what_differs_is_told_also_between_methods() -> None:
    one = make_config({"name": "one", "train": {"steps": 10}, "options": {"rank": 4}})
    two = make_config({"name": "two", "train": {"steps": 20}, "method": "textual-inversion"})
    found = difference([view(one), view(two)])
    told = {key: values for key, *values in found.settings}
    assert told["train.steps"] == [10, 20]
    assert told["method"] == ["lora", "textual-inversion"]
    assert told["options.rank"] == [4, None]
    assert "name" not in told
    assert "seed" not in told
    assert found.incomparable == []
    assert difference([view(one), view(one)]).settings == []


def test_curves_and_end_figures_stand_side_by_side() -> None:
    one = make_config({"data": {"folder": "/a"}})
    two = make_config({"data": {"folder": "/b"}})
    first = view(one, (0, 0.5, 0.6), (10, 0.3, 0.4), (5, 0.4, 0.35), (10, 0.2, 0.5), seconds=5.0)
    found = difference([first, view(two, (0, 0.5, None), step=0)])
    assert [p.step for p in found.validations[0]] == [0, 5, 10]
    assert found.validations[0][-1].train == 0.2, "the newer of two measurements counts"
    one_figures, two_figures = found.figures
    assert one_figures.held_out == 0.5
    assert (one_figures.best_held_out, one_figures.best_step) == (0.35, 5)
    assert one_figures.seconds_per_step == 0.5
    assert two_figures.held_out is two_figures.seconds_per_step is None
    assert found.incomparable == ["data.folder"], "curves on other images look comparable"
