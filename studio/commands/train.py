"""`train`: a run from start to verified file, watched from the terminal.

Owns: building the run's settings from the command line, following its events, the exit code.
Refuses to know: how training works; a run belongs to the application object, not to this terminal.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from studio.commands import terminal
from studio.commands.terminal import Progress, Stopping, say
from studio.core.errors import DatasetChanged, InputError, Interrupted, SettingsError, TrainingError
from studio.core.names import path_of, printable
from studio.core.paths import is_file, is_folder
from studio.library import presets
from studio.runs import fit
from studio.runs.fit import Fit
from studio.runs.records import (
    Event,
    Message,
    RunState,
    Sampled,
    Saved,
    StateChanged,
    Step,
    Validated,
)
from studio.settings.training import override

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.settings.training import RunConfig

POLL = 0.3  # seconds between looks at the run's log


def run(arguments: argparse.Namespace) -> int:
    """Starts or resumes a run, follows it to its end, and reports."""
    with terminal.opened(arguments) as studio:
        if arguments.resume:
            _nothing_else(arguments)
            run_id = _resumed(studio, arguments)
        else:
            if arguments.accept_dataset_changes:
                raise SettingsError(
                    "--accept-dataset-changes belongs to --resume", remedy="Leave it out."
                )
            config = _config(studio, arguments)
            if arguments.recalibrate:
                studio.runs.recalibrate(config)
            if arguments.fit:
                config, found = _fitted(studio, config)
                if arguments.check:
                    _print_fit(found, arguments.json)
                    return 0
            facts = _check(studio, config, arguments.check)
            if arguments.check:
                _print_check(facts, arguments.json)
                return 0
            run_id = studio.runs.start(config)
        with Stopping("Stopping: the run is saved first.") as stopping:
            state = follow(studio, run_id, stopping)
            _report(run_id, state, arguments.json)
            return _exit_code(state, stopping.asked)


def _resumed(studio: Studio, arguments: argparse.Namespace) -> str:
    try:
        return studio.runs.resume(
            arguments.resume,
            accept_changes=arguments.accept_dataset_changes,
            changes=_changes(arguments),
        )
    except DatasetChanged as error:
        error.remedy = (
            "Put the files back as they were, or continue with what is there now: "
            "add --accept-dataset-changes."
        )
        raise


def _changes(arguments: argparse.Namespace) -> list[str]:
    """What is set on the command line, as assignments."""
    processes = [f"train.processes={arguments.processes}"] if arguments.processes else []
    return [*(arguments.assignments or []), *processes]


def follow(studio: Studio, run_id: str, stopping: Stopping) -> RunState:
    """Prints what happens until the run has ended; returns its last state."""
    say(f"Run {run_id}")
    progress, since, told = Progress(), 0, False
    while True:
        view = studio.runs.view(run_id, since)
        since = view.next
        for event in view.events:
            _tell(event, view.state, progress)
        if view.state.ended:
            break
        if stopping.asked and not told:
            told = True
            with contextlib.suppress(InputError):  # it ended in this very moment
                studio.runs.command(run_id, "stop")
        if stopping.late:
            studio.close(0)
            raise Interrupted("The run could not be stopped in time", safe=_safe(view.state))
        time.sleep(POLL)
    progress.end()
    return studio.runs.wait(run_id)


def _nothing_else(arguments: argparse.Namespace) -> None:
    """A resumed run has its settings: what would silently have no effect is refused."""
    names = (
        "preset", "like", "data", "base", "method", "name", "check", "recalibrate", "fit",
    )  # fmt: skip
    given = [name for name in names if getattr(arguments, name)]
    if given:
        words = ", ".join(f"--{name}" for name in given)
        raise SettingsError(
            f"A resumed run keeps its settings, so {words} would have no effect",
            remedy="Leave it out, or start a new run. Nothing was started.",
        )


def _config(studio: Studio, arguments: argparse.Namespace) -> RunConfig:
    given = {"base": arguments.base, "method": arguments.method, "name": arguments.name}
    values: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if arguments.data is not None:
        folder = path_of(arguments.data).expanduser()
        is_path = is_folder(folder)  # anything else is the name of a dataset, or a clear error
        values["data"] = {"folder": printable(folder.resolve()) if is_path else arguments.data}
    if not (arguments.preset or arguments.like or arguments.method or arguments.assignments):
        names = ", ".join(info.name for info in studio.library.presets())
        raise SettingsError(
            "Nothing says what to train", remedy=f"Name a recipe with --preset; there are {names}."
        )
    if arguments.like:
        values = _like(studio, arguments, values)
    config = presets.config_from(arguments.preset, values, _changes(arguments))
    file = path_of(config.options.get("continue_from") or "").expanduser()
    if is_file(file):  # the person at this terminal may name any file
        studio.workspace.open_folder(file.absolute().parent)
        options = {**config.options, "continue_from": printable(file.absolute())}
        config = config.model_copy(update={"options": options})
    return config


def _like(studio: Studio, arguments: argparse.Namespace, given: dict[str, Any]) -> dict[str, Any]:
    """The settings of `--like FILE` below what else is given."""
    if arguments.preset:
        raise SettingsError(
            "--preset and --like both say what to start from", remedy="Leave one of them out."
        )
    file = path_of(arguments.like).expanduser()
    if is_file(file):
        studio.workspace.open_folder(file.absolute().parent)
        file = file.absolute()
    like = studio.library.config_like(file)
    for note in like.notes:
        say(f"Note: {note}")
    return presets.merge(like.config.model_dump(), given)


def _fitted(studio: Studio, config: RunConfig) -> tuple[RunConfig, Fit]:
    """The settings of the first rung that fits, and what was measured."""
    _check(studio, config, only=False)
    found = fit.find_fit(config, studio.runtime, lambda title: say(f"Measuring: {title}"))
    for line in fit.lines(found):
        say(line)
    chosen = fit.needed(found)
    return presets.make_config(override(config.model_dump(), list(chosen.settings))), found


def _print_fit(found: Fit, as_json: bool) -> None:
    if as_json:
        terminal.print_json(found.model_dump())
    else:
        print(" ".join(fit.needed(found).settings) or "as set")


def _check(studio: Studio, config: RunConfig, only: bool) -> dict[str, Any]:
    preflight = studio.runs.preflight(config)
    for note in [*preflight.notes, *preflight.warnings]:
        say(f"Note: {note}")
    if not preflight.ok:
        raise SettingsError(" ".join(preflight.errors), remedy="Nothing was started.")
    if (train := config.train).processes > 1:
        images = f"{train.batch_size} × {train.processes} × {train.gradient_accumulation}"
        say(
            f"Images per step (batch size × processes × accumulated): {images} = {train.images_per_step}"
        )
    if not only:
        return {}
    say("Measuring a few steps.")
    estimate = studio.runs.estimate(config)
    if estimate.auto:
        say(f"Note: {estimate.auto}")
    return {**preflight.as_dict(), "estimate": asdict(estimate)}


def _print_check(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        terminal.print_json(found)
        return
    for name, value in {**found["facts"], **found["estimate"]}.items():
        if name == "auto":  # it was said
            continue
        print(f"{name.replace('_', ' ')}: {value}")


def _tell(event: Event, state: RunState, progress: Progress) -> None:
    if isinstance(event, Step):
        left = f", {_clock(state.eta)} left" if state.eta is not None else ""
        loss = "" if event.loss is None else f"  loss {event.loss:.4f}"
        line = f"step {event.step}/{state.steps}{loss}{left}"
        progress.show(line, force=event.step == state.steps)
        return
    text = _sentence(event)
    if text:
        progress.end()
        say(text)


def _sentence(event: Event) -> str:
    match event:
        case StateChanged():
            return event.state
        case Message():
            return event.text
        case Saved():
            return f"saved step {event.step}"
        case Sampled():
            return f"samples of step {event.step}"
        case Validated():
            return f"validation loss at step {event.step}: {event.train:.4f}"
    return ""


def _report(run_id: str, state: RunState, as_json: bool) -> None:
    result: dict[str, Any] = {
        "run": run_id, "state": state.state, "files": state.files, "seconds": state.seconds,
        "peak_memory": state.peak_memory,
    }  # fmt: skip
    if state.state == "failed":
        result |= {"reason": state.reason, "remedy": state.remedy}
    if as_json:
        terminal.print_json(result)
    elif state.files:
        print(state.files[0])


def _exit_code(state: RunState, asked: bool) -> int:
    if state.state == "finished":
        return 0
    if state.state == "failed":
        raise TrainingError(
            "The run failed", why=state.reason, remedy=state.remedy, safe=_safe(state)
        )
    if asked:
        raise Interrupted("Stopped as you asked", safe=_safe(state))
    return 0 if state.state == "stopped" else 1  # somebody stopped it from a page: fine


def _safe(state: RunState) -> str | None:
    step = state.last_checkpoint
    return f"The checkpoint of step {step} is intact; --resume continues from it." if step else None


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return (
        f"{minutes}:{rest:02d}"
        if minutes < 60
        else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
    )
