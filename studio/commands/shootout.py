"""`compare FILE.toml`: a shootout from its plan to its verdict, watched from the terminal.

Owns: the plan and the progress as text, and that Ctrl-C saves. Refuses to know: how a shootout works;
it belongs to the application object, and the same command continues one that was interrupted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from studio.commands import shootout_file, terminal
from studio.commands.terminal import Progress, Stopping, say
from studio.compare.shootout.cost import Cost
from studio.compare.shootout.plan import images_per_step
from studio.core.counts import counted
from studio.core.errors import Interrupted, SettingsError, TrainingError

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.compare.record import Comparison
    from studio.compare.shootout.record import Shootout
    from studio.generation.shootouts import Planned, ShootoutView
    from studio.settings.shootout import ShootoutSettings

POLL = 0.3  # seconds between looks
OTHERS = ("column", "prompt", "seeds", "reference", "name", "base")
Tell = Callable[["Comparison"], None]


def run(studio: Studio, arguments: argparse.Namespace, tell: Tell) -> int:
    """Plans, trains, compares, one shootout of the file after the other; `tell` prints a comparison."""
    _nothing_else(arguments)
    asked = shootout_file.read(studio, arguments.file, arguments.assignments)
    if arguments.plan:
        _tell_plans([studio.generation.shootouts.plan(one) for one in asked], arguments.json)
        return 0
    finished = [_finished(studio, settings, arguments) for settings in asked]
    comparisons = [studio.generation.comparisons.one(one.comparison) for one in finished]
    if arguments.json:
        tables = [
            {"shootout": one.as_json(), "comparison": comparison.as_json()}
            for one, comparison in zip(finished, comparisons, strict=True)
        ]
        terminal.print_json(tables[0] if len(tables) == 1 else tables)
        return 0
    for settings, comparison in zip(asked, comparisons, strict=True):
        if len(asked) > 1:
            print(f"\n{settings.title}\n")
        tell(comparison)
    return 0


def _finished(
    studio: Studio, settings: ShootoutSettings, arguments: argparse.Namespace
) -> Shootout:
    """One shootout to its end. Interrupted when Ctrl-C stopped it; TrainingError when it failed."""
    if settings.name:
        say(settings.name)
    for line in plan_lines(studio.generation.shootouts.plan(settings)):
        say(line)
    with Stopping("Stopping: what is going on is saved first.") as stopping:
        found = _follow(studio, studio.generation.shootouts.start(settings), stopping)
        if stopping.asked:
            again = f"python studio.py compare {arguments.file}"
            raise Interrupted("Stopped as you asked", safe=f"“{again}” continues where it was.")
    return _checked(found)


def plan_lines(planned: Planned) -> list[str]:
    """The plan for a person: a line per entry, then all of it, the prompts and notes."""
    plan, prices = planned.plan, planned.prices
    rows = [["entry", "seeds", "steps", "images seen", "takes", "memory", "disk"]]
    for name, cost in prices.entries.items():
        own = [one for one in plan.trainings if one.entry == name]
        steps = own[0].config.train.steps if own else 0
        about = "" if not own or own[0].measured else "about "
        seen = steps * images_per_step(own[0].config) if own else 0
        rows.append([
            name, str(len(plan.settings.training_seeds)), f"{about}{steps}" if own else "–",
            str(seen) if own else "–", _takes(cost), *_sizes(cost),
        ])  # fmt: skip
    total = prices.total
    rows.append(
        [
            "the comparison",
            "",
            "",
            f"{prices.images} generated",
            _clock(prices.image_seconds),
            "",
            "",
        ]
    )
    rows.append(["all", "", "", "", _clock(prices.seconds), *_sizes(total)])
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if total.class_images:
        first = counted(total.class_images, "class image is", "class images are")
        lines.append(f"{first} generated first.")
    lines.append("Time, memory and disk are " + (
        "what earlier runs like these took." if total.measured else "estimates, not measured yet."
    ))  # fmt: skip
    lines += [f"Prompt ({one.source}): {one.text}" for one in planned.ground.prompts]
    return lines + [*planned.ground.notes, *plan.notes]


def _tell_plans(plans: list[Planned], as_json: bool) -> None:
    if as_json:
        tables = [plan_table(one) for one in plans]
        terminal.print_json(tables[0] if len(tables) == 1 else tables)
        return
    for number, planned in enumerate(plans):
        if len(plans) > 1:
            print(f"{'' if number == 0 else chr(10)}{planned.plan.settings.title}")
        for line in plan_lines(planned):
            print(line)


def plan_table(planned: Planned) -> dict[str, Any]:
    """The same for a script."""
    plan, prices = planned.plan, planned.prices
    return {
        "trainings": [
            {
                "key": one.key, "entry": one.entry, "seed": one.seed, "method": one.config.method,
                "steps": one.config.train.steps, "measured": one.measured,
                "finished": one.key in planned.done,
            }
            for one in plan.trainings
        ],
        "columns": [column.name for column in plan.columns],
        "prompts": [prompt.as_json() for prompt in planned.ground.prompts],
        "reference": planned.ground.held_out.as_json(),
        "costs": {name: cost.model_dump() for name, cost in prices.entries.items()},
        "total": prices.total.model_dump(),
        "images": prices.images,
        "seconds": round(prices.seconds, 1),
        "notes": [*planned.ground.notes, *plan.notes],
    }  # fmt: skip


def _nothing_else(arguments: argparse.Namespace) -> None:
    given = [name for name in OTHERS if getattr(arguments, name)]
    if given:
        words = ", ".join(f"--{name}" for name in given)
        raise SettingsError(
            f"A shootout has its settings in its file, so {words} would have no effect",
            remedy="Leave it out, or change the file. Nothing was started.",
        )


def _follow(studio: Studio, identity: str, stopping: Stopping) -> Shootout:
    """Prints what happens until nobody works on it any more."""
    shootouts, progress = studio.generation.shootouts, Progress()
    told: set[str] = set()
    while True:
        view = shootouts.view(identity)
        for text in news(view, told):
            progress.end()
            say(text)
        if not view.here:
            break
        if stopping.asked:
            progress.end()
            shootouts.pause(identity)
            return shootouts.wait(identity)
        if view.shootout.doing:
            done = view.progress
            progress.show(f"{view.shootout.doing}{f': {done[2]}' if done else ''}")
        time.sleep(POLL)
    progress.end()
    return view.shootout


def news(view: ShootoutView, told: set[str]) -> list[str]:
    """What has happened since the last look; `told` remembers what was said."""
    found = []
    for one in view.trainings:
        row, state = one.row, one.state
        who = f"{row.entry}, seed {row.seed}"
        if row.error is not None:
            found.append(f"{who}: {row.error.what}.")
        elif row.done:
            found.append(f"{who}: finished{' earlier' if row.reused else ''}")
        elif state is not None and state.state not in ("queued",):
            found.append(f"{who}: {state.state}{f'. {state.reason}' if state.reason else ''}")
    fresh = [text for text in found if text not in told]
    told.update(fresh)
    return fresh


def _checked(found: Shootout) -> Shootout:
    """What is finished; the reason why it is not as an error."""
    error = found.error
    if found.state == "failed":
        raise TrainingError(
            error.what if error else "The shootout failed",
            where=error.where if error else None,
            why=error.why if error else None,
            remedy=error.remedy if error else None,
            safe=error.safe if error else None,
        )
    if found.state != "finished":
        raise Interrupted(
            "The shootout is not finished",
            why=error.what if error else None,
            remedy=error.remedy if error else "Run the same command again: it continues.",
        )
    return found


def _takes(cost: Cost) -> str:
    if cost.reused and cost.reused == cost.trainings:
        return "finished earlier"
    return _clock(cost.seconds + cost.class_seconds)


def _sizes(cost: Cost) -> list[str]:
    if cost.reused and cost.reused == cost.trainings:
        return ["", ""]
    return [_bytes(cost.memory), _bytes(cost.disk)]


def _bytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _clock(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
