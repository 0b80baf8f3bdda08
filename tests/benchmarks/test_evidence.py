"""The benchmark for a machine with a GPU: at toy size every case runs, and none hides an error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.budget import Case, Plan
from studio.core.errors import UnavailableError

ROOT = Path(__file__).resolve().parent.parent.parent


class Clock:
    """Time passes when somebody says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def case(
        self, name: str, estimate: float, takes: float, fails: Exception | None = None
    ) -> Case:
        def run(until: float) -> dict[str, object]:
            self.now += takes
            if fails:
                raise fails
            return {"until": until}

        return Case(name, estimate, run)


def plan(out: Path, budget: float) -> tuple[Plan, Clock]:
    clock = Clock()
    return Plan(budget, out / "found.json", {"machine": "this"}, clock), clock


def test_what_does_not_fit_is_left_out_by_corrected_estimates(tmp_path):
    made, clock = plan(tmp_path, 30)
    rows = made.run(
        [
            clock.case("twice as slow as thought", 5, 10),
            clock.case("fits by its estimate alone", 11, 22),
            clock.case("smaller", 6, 12),
        ]
    )
    assert [row["status"] for row in rows] == ["done", "left out", "done"]
    assert clock.now == 22
    assert rows[0]["until"] == 30  # no case takes rounds beyond the budget


def test_the_file_is_complete_after_every_case(tmp_path):
    made, clock = plan(tmp_path, 30)
    seen = []

    def look(until: float) -> dict[str, object]:
        seen.append(json.loads(made.out.read_text("utf-8")))
        return {}

    made.run([clock.case("one", 1, 1), Case("two", 1, look), Case("three", 1, look)])
    assert [[row["case"] for row in found["cases"]] for found in seen] == [["one"], ["one", "two"]]
    assert seen[0]["machine"] == "this" and seen[0]["used"] == 1


def test_a_case_that_fails_is_a_row_with_its_words(tmp_path):
    made, clock = plan(tmp_path, 30)
    missing = UnavailableError("The kernels are not here", why="Nobody installed them")
    rows = made.run(
        [
            clock.case("broken", 1, 1, ValueError("no such shape")),
            clock.case("missing", 1, 1, missing),
            clock.case("whole", 1, 1),
        ]
    )
    assert [row["status"] for row in rows] == ["failed", "unavailable", "done"]
    assert rows[0]["error"] == "ValueError: no such shape"
    assert "Nobody installed them" in rows[1]["why"]
    assert json.loads(made.out.read_text("utf-8"))["cases"] == rows


def test_all_of_it_runs_at_toy_size(tmp_path):
    out = tmp_path / "evidence.json"
    process = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "evidence.py"), "--tiny", "--json",
         "--device", "cpu", "--budget", "3000", "--out", str(out)],
        capture_output=True, text=True, encoding="utf-8", timeout=600,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    found = json.loads(out.read_text("utf-8"))
    assert json.loads(process.stdout) == found["cases"]
    rows = {row["case"]: row for row in found["cases"]}
    absent = {name for name, row in rows.items() if row["status"] == "unavailable"}
    assert {row["status"] for row in rows.values()} <= {"done", "unavailable"}
    assert all("xformers" in name or "8bit" in name for name in absent)
    for row in rows.values():
        if row["status"] == "done":
            assert row["ratio"] == pytest.approx(row["ratio"]) and row["ratio"] > 0
    assert {row.get("precision") for row in rows.values()} >= {"bfloat16", "float16", "float32"}
    beside = [name for name in rows if name.endswith("example")]
    assert len(beside) == 3 and all("example_seconds" in rows[name] for name in beside)
    assert rows["sd1 lora bf16"]["peak_bytes"] > 0


def test_the_floor_is_the_network_with_the_gradients_of_the_method(monkeypatch):
    import torch

    from benchmarks.floor import floor
    from benchmarks.gpu import Work, prepared
    from benchmarks.shapes import random_base

    base = random_base("sd1", "cpu", torch.float32, tiny=True)
    reached: list[tuple[bool, bool, bool]] = []
    denoise = base.family.denoise

    def watched(base, latents, timesteps, conditioning, size):
        weights = next(iter(base.denoiser.parameters())).requires_grad
        reached.append((latents.requires_grad, conditioning.embeds.requires_grad, weights))
        return denoise(base, latents, timesteps, conditioning, size)

    monkeypatch.setattr(base.family, "denoise", watched)
    for method in ("lora", "textual-inversion", "dreambooth"):
        with prepared(base, Work(method, 32)) as trainer:
            floor(trainer)()
    assert reached == [(True, False, False), (False, True, False), (False, False, True)]
    assert not any(tensor.requires_grad for tensor in base.denoiser.parameters())
