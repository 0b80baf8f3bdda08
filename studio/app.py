"""The application object: everything the page and the command line ask for.

Owns: `Studio`, which holds the workspace, the queue of runs and the loaded base; there is no
module-level state. Refuses to know: Gradio and argparse. Importing it loads no torch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.compare.record import Comparison
from studio.core.callbacks import Cancelled, OnProgress
from studio.core.errors import InputError, StudioError
from studio.core.names import original, printable, text_of
from studio.core.paths import Workspace
from studio.families.detect import BaseInfo
from studio.formats.dataset_list import DatasetSummary
from studio.generation.comparisons import Comparing
from studio.generation.grids import Grids
from studio.generation.records import DrawnLane, Generated, OnPreview
from studio.library import presets
from studio.library.image_settings import described
from studio.library.importing import Given, Imported
from studio.library.index import Shelf
from studio.library.library import AdapterInfo, Library
from studio.library.presets import Like
from studio.library.prompt_tags import lanes_with_tags, notes
from studio.library.saved_stacks import Stacks
from studio.library.tidying import Tidying
from studio.runs.events import ENDED
from studio.runs.preflight import Preflight, complete, preflight
from studio.runs.training import Training
from studio.runtime.loaded_models import Resources
from studio.settings.lanes import LanesSettings
from studio.settings.training import CompareSettings, GenerateSettings, RunConfig, StackItem

if TYPE_CHECKING:
    from studio.caption.history import History as CaptionHistory


class Studio:
    """One workspace, one device, one loaded base, any number of viewers."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.library = Library(workspace)
        self.shelf = Shelf(self.library)
        self.resources = Resources(self.library)
        self.training = Training(workspace, self.resources)
        self.comparing = Comparing(workspace, self.resources)
        self.grids = Grids(workspace, self.resources, self.training)
        self.stacks = Stacks(workspace, self.library)
        self.tidying = Tidying(workspace)
        self.tidying.start()
        self.ready = threading.Event()
        """Set once the heavy libraries are loaded."""

    def warm_up(self) -> None:
        """Loads the heavy libraries; called on a thread after the page is served."""
        import studio.infer.engine
        import studio.runs.worker  # noqa: F401

        self.ready.set()

    def device_line(self) -> str:
        """What computes and what it does now, for the page's header."""
        from studio.core.device import device_facts

        if not self.ready.is_set():
            return "loading the engine …"
        facts = device_facts()
        return f"{facts.get('name', 'CPU')} · {self.resources.slot.holder or 'idle'}"

    # What the person has.

    def bases(self) -> list[BaseInfo]:
        """The starter first, then the folders in `bases/`."""
        return self.library.bases()

    def vaes(self) -> list[str]:
        """Names of the VAEs in `vae/`, for `GenerateSettings.vae`."""
        return self.library.vaes()

    def datasets(self) -> list[DatasetSummary]:
        """The person's datasets, then the samples that ship; counted by names."""
        return self.library.datasets()

    def adapters(self, base: str | None = None) -> list[AdapterInfo]:
        """Adapter files; with `base`, only those of its family or of unknown family."""
        found = self.library.adapters()
        if base is None:
            return found
        family = next((info.family for info in self.bases() if info.name == base), None)
        return [info for info in found if info.family in (family, None)]

    def presets(
        self, method: str | None = None, broken: list[StudioError] | None = None
    ) -> list[presets.PresetInfo]:
        """Every preset, or those of one method; `broken` as in `presets.all_presets`."""
        return [p for p in presets.all_presets(broken=broken) if method in (None, p.method)]

    def import_adapter(self, path: str | Path, filename: str) -> AdapterInfo:
        """Copies an uploaded file into `adapters/`; raises FileError for what is no adapter."""
        return self.library.import_adapter(Path(path), filename)

    def import_dataset(
        self, files: Iterable[Given], name: str, into: str | Path | None = None
    ) -> Imported:
        """Copies files or folders into a new dataset, or into the one that `into` names."""
        return self.library.import_dataset(files, name, into)

    def inspect(self, path: str | Path) -> dict[str, Any]:
        """What a file is; of a picture, whose it is and its settings."""
        facts = self.library.inspect(Path(path))
        if facts["kind"] == "unknown" and (found := described(Path(path))):
            return found
        return facts

    # Training.

    def config(
        self,
        preset: str | None,
        values: Mapping[str, Any] | None = None,
        assignments: list[str] | None = None,
    ) -> RunConfig:
        """A configuration from preset, values and `key=value` assignments, strictly checked."""
        return presets.config_from(preset, values or {}, assignments or [])

    def config_like(self, path: str | Path) -> Like:
        """The settings a finished adapter file was trained with, and what could not be taken over."""
        return presets.like_file(self.library.adapter_path(text_of(path)))

    def preflight(self, config: RunConfig) -> Preflight:
        """What is wrong, what is odd, and the facts; loads no model."""
        return preflight(config, self.library)

    def estimate(self, config: RunConfig) -> dict[str, Any]:
        """Seconds and bytes the run will take, measured on a few steps with the real model."""
        from studio.runs.estimate import estimate

        completed, _, _ = complete(config, self.library)
        with self.resources.turn("measuring a few steps", "measuring"):
            return estimate(completed, self.resources)

    def start(self, config: RunConfig) -> str:
        """Queues a run; raises what makes it impossible, before anything is written."""
        try:
            completed, _, _ = complete(config, self.library)
        except StudioError as error:
            error.safe = "Nothing was started."
            raise
        found = self.preflight(completed)
        if not found.ok:
            raise InputError(found.errors[0], safe="Nothing was started.")
        return self.training.start(completed)

    def resume(self, run_id: str, *, accept_changes: bool = False) -> str:
        """Goes on with an ended, unfinished run; see `Training.resume`."""
        return self.training.resume(run_id, accept_changes=accept_changes)

    def command(self, run_id: str, command: str) -> None:
        """pause, continue, stop, save or sample."""
        self.training.command(run_id, command)

    def runs(self) -> list[dict[str, Any]]:
        """The state of every run, newest first."""
        return self.training.runs()

    def view(self, run_id: str, since: int = 0) -> dict[str, Any]:
        """State, configuration and new events of a run."""
        return self.training.view(run_id, since)

    def run_config(self, run_id: str) -> RunConfig:
        """The settings of a run; raises MissingError when they cannot be read."""
        return self.training.config(run_id)

    def wait(self, run_id: str) -> dict[str, Any]:
        """Blocks until a run has ended."""
        state = self.training.wait(run_id)
        assert state.get("state") in ENDED, state
        return state

    def run_file(self, run_id: str, relative: str) -> Path:
        """A file of a run, by its path relative to the run's folder."""
        folder = self.training.folder(run_id)
        return self.workspace.resolve(folder / relative, roots=[folder])

    def delete_run(self, run_id: str) -> Path:
        """Moves a run to the trash."""
        return self.training.delete(run_id)

    # Pictures, captions, comparisons.

    def generate(
        self,
        settings: GenerateSettings,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
        on_look: OnPreview | None = None,
    ) -> Generated:
        """Draws and saves one batch; waits its turn at a step boundary while a training runs.

        Tags in the prompt count as files on the stack (see `tagged`). `on_look` sees the pictures
        every `settings.preview_every` steps.
        """
        from studio.generation.batches import generate

        return generate(settings, self.workspace, self.resources, on_progress, cancelled, on_look)

    def tagged(self, settings: LanesSettings) -> tuple[LanesSettings, list[StackItem]]:
        """Files that prompts name in tags, moved from there onto the stacks; and which they are.

        Raises MissingError for a name that no file here has, InputError for a tag that cannot be
        read.
        """
        return lanes_with_tags(settings, self.library)

    def tag_notes(self, settings: LanesSettings) -> list[str]:
        """What stands in tags of the prompts and has no effect here."""
        return notes(settings)

    def generate_lanes(
        self,
        settings: LanesSettings,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
        on_lane: Callable[[DrawnLane], None] | None = None,
        on_look: OnPreview | None = None,
    ) -> list[DrawnLane]:
        """Draws and saves lanes side by side in one turn; stopped, the finished ones remain."""
        from studio.generation.batches import generate_lanes

        return generate_lanes(
            settings, self.workspace, self.resources, on_progress, cancelled, on_lane, on_look
        )

    def effect(
        self,
        settings: GenerateSettings,
        place: int,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
    ) -> dict[str, Any]:
        """How much the file at `place` of the stack changes the first picture; saves nothing."""
        from studio.generation.effect import effect

        return effect(
            settings, place, self.workspace, self.resources, on_progress, cancelled
        ).as_dict()

    def captions(self, folder: str | Path) -> list[dict[str, Any]]:
        """File name and caption of every picture of a dataset."""
        from studio.formats.dataset import read_captions

        root = self.library.dataset_path(text_of(folder))
        return [
            {"file": printable(path.relative_to(root).as_posix()), "caption": caption}
            for path, caption in read_captions(root).items()
        ]

    def save_caption(self, folder: str | Path, file: str, text: str) -> None:
        """Writes one caption beside its picture."""
        from studio.formats.dataset import picture_files, write_caption

        root = self.library.dataset_path(text_of(folder))
        picture = next(
            (p for p in picture_files(root) if p.relative_to(root).as_posix() == original(file)),
            None,
        )
        if picture is None:
            raise InputError("There is no such picture in this dataset", where=file[:200])
        write_caption(picture, text)

    def caption(
        self,
        folder: str | Path,
        *,
        captioner: str = "starter",
        overwrite: bool = False,
        prefix: str = "",
        files: list[str] | None = None,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
    ) -> dict[str, Any]:
        """Writes captions for a dataset's pictures; what stood there before is kept."""
        from studio.caption.run import caption_folder

        root = self.library.dataset_path(text_of(folder))
        with self.resources.turn("captioning", "captions", "Captions written so far are kept."):
            return caption_folder(
                root,
                captioner=captioner,
                overwrite=overwrite,
                prefix=prefix,
                files=files,
                on_progress=on_progress,
                cancelled=cancelled,
                record=self.caption_history().begin(root, "described"),
            )

    def caption_history(self) -> CaptionHistory:
        """The earlier captions of every dataset."""
        from studio.caption.history import History

        return History(self.workspace.captions)

    def undo_captions(self, folder: str | Path) -> dict[str, Any]:
        """Brings back the captions from before the newest change of many; MissingError: none."""
        root = self.library.dataset_path(text_of(folder))
        done = self.caption_history().undo(root, self.workspace.inside)
        return {"changed": len(done.changed), "kept": len(done.kept)}

    def compare(
        self,
        settings: CompareSettings,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Comparison:
        """Generates and measures a comparison; it is kept under `comparisons/`."""
        return self.comparing.compare(settings, on_progress, cancelled)

    def comparisons(self) -> list[Comparison]:
        """Kept comparisons, newest first."""
        return self.comparing.all()

    def comparison(self, comparison_id: str) -> Comparison:
        """One kept comparison."""
        return self.comparing.one(comparison_id)

    def delete_comparison(self, comparison_id: str) -> Path:
        """Moves a comparison to the trash."""
        return self.comparing.delete(comparison_id)

    def close(self, timeout: float = 120.0) -> None:
        """Stops and saves what is going on, for at most `timeout` seconds."""
        self.training.close(timeout)
        self.tidying.close()
