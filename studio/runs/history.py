"""What past runs say: how long a method takes here, how large its files are, how two runs differ.

Owns: reading it off the run folders; nothing is estimated. Refuses to know: pages, torch.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from studio.core.names import path_of

Json = dict[str, Any]
# The fixed-noise loss is of one scale only where these are equal: the same pictures, noise and
# model. (What is trained, and how, is what one wants to compare.)
SAME_PROBE = ("base", "seed", "data.folder", "data.resolution", "data.buckets", "validation.images")
NAMES = ("name",)  # told apart anyway


def experience(states: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Per method and base: number of finished runs, median training seconds, median file bytes.

    Bytes are those of a run's first file; None when no file is left to look at.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for state in states:
        if state.get("state") == "finished" and isinstance(state.get("seconds"), int | float):
            key = str(state.get("method")), str(state.get("base"))
            groups.setdefault(key, []).append(state)
    return [
        {
            "method": method,
            "base": base,
            "runs": len(runs),
            "seconds": statistics.median(run["seconds"] for run in runs),
            "steps": statistics.median_low(int(run.get("steps") or 0) for run in runs),
            "bytes": _median([size for run in runs if (size := main_file_size(run)) is not None]),
        }
        for (method, base), runs in sorted(groups.items())
    ]


def main_file_size(state: Mapping[str, Any]) -> int | None:
    """Bytes of a run's first file (or folder of files); None when it is not there any more."""
    files = state.get("files") or []
    return size_of(path_of(str(files[0]))) if files else None


def size_of(path: Path) -> int | None:
    """Bytes of a file, or of all files in a folder; None when nothing is there."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.is_file() else None


def difference(views: Sequence[Mapping[str, Any]]) -> Json:
    """Two views of runs (`Training.view`) → what differs in settings, curves, and end figures.

    `settings`: `[key, first, second]` in the order of the settings' classes; a setting that only one
    method has is None on the other side. `probes`: the points of each run's fixed-noise loss.
    `incomparable`: differing keys that make the curves' heights incomparable.
    """
    flat = [flatten(view["config"]) for view in views]
    first, second = flat
    keys = list(dict.fromkeys([*first, *second]))
    differing = [key for key in keys if first.get(key) != second.get(key) and key not in NAMES]
    return {
        "settings": [[key, first.get(key), second.get(key)] for key in differing],
        "incomparable": [key for key in differing if key in SAME_PROBE],
        "probes": [_probes(view["events"]) for view in views],
        "figures": [figures(view) for view in views],
    }


def flatten(values: Mapping[str, Any], prefix: str = "") -> Json:
    """Nested settings → dotted keys."""
    found: Json = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flatten(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def figures(view: Mapping[str, Any]) -> Json:
    """How a run ended, in numbers; None for what it never had."""
    state, probes = view["state"], _probes(view["events"])
    held = [probe for probe in probes if probe["held_out"] is not None]
    best = min(held, key=lambda probe: probe["held_out"], default=None)
    step, seconds = state.get("step") or 0, state.get("seconds")
    proof = next(
        (e.get("verify") for e in reversed(view["events"]) if e.get("kind") == "finished"), None
    )
    return {
        "state": state.get("state"),
        "step": step,
        "seconds": seconds,
        "seconds_per_step": seconds / step if seconds and step else None,
        "train": probes[-1]["train"] if probes else None,
        "held_out": held[-1]["held_out"] if held else None,
        "best_held_out": best["held_out"] if best else None,
        "best_step": best["step"] if best else None,
        "peak_memory": state.get("peak_memory") or None,
        "bytes": main_file_size(state),
        "change": proof.get("change") if proof else None,
    }


def _probes(events: Sequence[Mapping[str, Any]]) -> list[Json]:
    """One point per step; of a step that was measured again after going back, the newer one."""
    by_step = {
        event["step"]: {k: event.get(k) for k in ("step", "train", "held_out")}
        for event in events
        if event.get("kind") == "probe" and isinstance(event.get("step"), int)
    }
    return [by_step[step] for step in sorted(by_step)]


def _median(values: list[int]) -> int | None:
    return statistics.median_low(values) if values else None
