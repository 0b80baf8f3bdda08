"""What models make on request, outside of training: images, grids, comparisons, captions.

Owns: that torch is loaded only when something is asked for. Refuses to know: pages, how it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from studio.caption.run import CaptionOptions, CaptionReport
from studio.core.callbacks import Cancelled, OnProgress
from studio.core.names import text_of
from studio.generation import class_images
from studio.generation.class_images import Made
from studio.generation.comparisons import Comparisons
from studio.generation.grids import Grids
from studio.generation.image_losses import OfDataset, of_dataset, of_run
from studio.generation.records import Effect, Generated, GeneratedLane, OnPreview
from studio.generation.reports import Reports
from studio.generation.selections import Selections
from studio.generation.shootouts import Shootouts
from studio.generation.votes import Votes
from studio.runs.image_losses import ImageLossRecord
from studio.runs.training import Runs
from studio.runtime.runtime import Runtime
from studio.settings.caption import CaptionerSettings
from studio.settings.generation import GenerateSettings
from studio.settings.lanes import LanesSettings
from studio.settings.training import PriorSettings

if TYPE_CHECKING:
    from PIL.Image import Image

    from studio.checkup.records import BaseFacts, Report
    from studio.generation.caption_list import CaptionList
    from studio.generation.token_count import CaptionTokens, TokenCount, TokenCounter


class Generation:
    """Everything waits its turn on the device, at a step boundary while a training runs."""

    def __init__(self, runtime: Runtime, runs: Runs) -> None:
        self.runtime, self.runs = runtime, runs
        self.grids = Grids(runtime, runs)
        self.comparisons = Comparisons(runtime, runs)
        self.reports = Reports(self.comparisons, runs)
        self.votes = Votes(self.comparisons)
        self.selections = Selections(runtime, runs)
        self.shootouts = Shootouts(runs, self.comparisons)

    def generate(
        self,
        settings: GenerateSettings,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
        on_preview: OnPreview | None = None,
    ) -> Generated:
        """One batch, saved under `outputs/`.

        Tags in the prompt count as files on the stack (see `library.prompt_tags`). `on_preview` sees
        the images every `settings.preview_every` steps.
        """
        from studio.generation.batches import generate

        return generate(settings.seeded(), self.runtime, on_progress, cancelled, on_preview)

    def generate_lanes(
        self,
        settings: LanesSettings,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
        on_lane: Callable[[GeneratedLane], None] | None = None,
        on_preview: OnPreview | None = None,
    ) -> list[GeneratedLane]:
        """Lanes side by side in one turn, each saved; stopped, the finished ones remain."""
        from studio.generation.batches import generate_lanes

        settings = settings.seeded()
        return generate_lanes(settings, self.runtime, on_progress, cancelled, on_lane, on_preview)

    def effect(
        self,
        settings: GenerateSettings,
        place: int,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Effect:
        """How much the file at `place` of the stack changes the first image; saves nothing."""
        from studio.generation.effect import effect

        return effect(settings.seeded(), place, self.runtime, on_progress, cancelled)

    def token_count(self, base: str, prompt: str) -> TokenCount:
        """How many tokens a prompt has on a base; see `token_count.TokenCounter`."""
        return self._tokens.count(base, prompt)

    def caption_tokens(self, base: str, captions: Sequence[str]) -> CaptionTokens:
        """How many tokens captions have on a base; see `token_count.TokenCounter`."""
        return self._tokens.captions(base, captions)

    @cached_property
    def _tokens(self) -> TokenCounter:
        from studio.generation.token_count import TokenCounter

        return TokenCounter(self.runtime.library)

    def use_checkpoint(self, run: str, step: int) -> Path:
        """The file that a run would have left at one of its checkpoints, in the library.

        Once made it is found again. Errors as in `runs.checkpoint_files`.
        """
        from studio.generation.checkpoints import library_file

        return library_file(run, step, self.runs, self.runtime)

    def caption(
        self,
        folder: str | Path,
        captioner: CaptionerSettings | str = "starter",
        options: CaptionOptions | None = None,
        *,
        key: str = "",
        resume: bool = False,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
    ) -> CaptionReport:
        """Captions for a dataset's images; what was there before is kept. See `generation.captions`."""
        from studio.generation import captions

        ways = captions.Ways(key, on_progress, cancelled or bool)
        if resume:
            return captions.go_on(self.runtime, folder, ways)
        return captions.describe(self.runtime, folder, captioner, options or CaptionOptions(), ways)

    def class_images(
        self,
        base: str,
        prior: PriorSettings,
        output: str,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Made:
        """Class (regularization) images as a dataset; see `class_images.make`."""
        return class_images.make(self.runtime, base, prior, output, on_progress, cancelled or bool)

    def facts(self, base: str, resolution: int = 0) -> BaseFacts:
        """Which sizes a base is trained at; see `checkups.facts_of`."""
        from studio.generation.checkups import facts_of

        return facts_of(self.runtime, base, resolution)

    def segment(
        self,
        images: Sequence[Path],
        model: str,
        words: str,
        threshold: float,
        on_image: Callable[[int, int], None] | None = None,
    ) -> tuple[dict[Path, Image], dict[Path, str]]:
        """Masks by prompt; see `segments.segment`."""
        from studio.generation.segments import segment

        return segment(self.runtime, images, model, words, threshold, on_image)

    def matching(
        self, folder: str | Path, filter_text: str, *, base: str = "starter"
    ) -> CaptionList:
        """The images that a filter finds; `base` counts the tokens of `tokens:`. See `caption_list`."""
        from studio.generation.caption_list import matching

        library = self.runtime.library
        root = library.dataset_path(text_of(folder))
        return matching(
            library, root, filter_text, lambda texts: self.caption_tokens(base, texts).tokens
        )

    def examine(
        self,
        folder: str | Path,
        *,
        base: str = "starter",
        clip: bool = True,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Report:
        """What is wrong with a dataset as a training set for `base`; see `checkups.examine`."""
        from studio.generation.checkups import examine

        root = self.runtime.library.dataset_path(text_of(folder))
        return examine(
            self.runs, root, base, clip=clip, on_progress=on_progress, cancelled=cancelled
        )

    def image_losses(
        self,
        run: str,
        step: int | None = None,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
    ) -> ImageLossRecord:
        """What a run learnt of each of its images, measured now where it was not yet; see
        `image_losses.of_run`."""
        return of_run(self.runs, self.runtime, run, step, on_progress, cancelled)

    def learnt_images(self, folder: Path) -> OfDataset | None:
        """What the newest measured run says of the images of a dataset; None without one."""
        return of_dataset(self.runs, self.runtime.library.read_dataset(folder))
