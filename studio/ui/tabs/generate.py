"""The Generate tab: a base, a stack of adapters, a prompt, images.

Owns: the layout, collecting the settings of a batch, and putting an image's settings back.
Refuses to know: how images are generated and saved (`studio.app`), how cards look (components).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.errors import InputError, SettingsError
from studio.core.text import parse_json
from studio.settings.generation import GenerateSettings
from studio.settings.lanes import LanesSettings
from studio.ui.components.axes_grid import axes_grid
from studio.ui.components.bases import BaseField, base_of, vae_choice
from studio.ui.components.draft import Draft
from studio.ui.components.gallery import gallery
from studio.ui.components.generate_batch import about, generate, with_new_seed
from studio.ui.components.image_grid import KIND, image_facts, image_file, image_grid
from studio.ui.components.library_panel import library_panel
from studio.ui.components.mask_brush import mask_brush, with_mask
from studio.ui.components.modes import mode_switch
from studio.ui.components.prompt_tags import tags_moved
from studio.ui.components.prompt_tools import prompt_tools
from studio.ui.components.prompt_words import prompt_words
from studio.ui.components.restored_settings import (
    into_lane,
    masked_again,
    tell_origin,
    that_are_here,
    usable,
    valid,
)
from studio.ui.components.size_row import SIDES, size_row
from studio.ui.components.stack import EFFECT, adapter_stack, lanes_of
from studio.ui.components.start_image import start_image
from studio.ui.components.styles import style_choice, style_tools
from studio.ui.form import Form
from studio.ui.jobs import Jobs
from studio.ui.live import ACTION, QUIET, Json, Page, handler, read, refused, told

if TYPE_CHECKING:
    from studio.app import Studio

TARGET = "generate"
MODES = (("images", "Images"), ("grid", "Grid"), ("gallery", "Gallery"))
OWN = ("base", "prompt", "negative_prompt", "stack", "device", "image", "inpaint.mask")


def build(studio: Studio, page: Page) -> None:
    """Adds the tab's contents."""
    GenerateTab(studio, page)


class GenerateTab:
    """The tab's parts, and what they ask of Python."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page = studio, page
        self.form = Form(
            GenerateSettings, "generate.", [f"generate.{key}" for key in OWN], blank=SIDES
        )
        self.jobs: Jobs[LanesSettings] = Jobs(
            page.tasks, KIND, lambda settings, task: generate(studio, settings, task),
            about=about, again=with_new_seed,
        )  # fmt: skip
        with gr.Column(elem_classes=["gen-modes", "cs-modes"]):
            mode_switch("generate", MODES)
            with gr.Row(elem_classes=["gen-layout"]):
                self._columns()
            self.gallery = gallery(studio, page)
        self._connect()

    def _columns(self) -> None:
        with gr.Column(elem_classes=["cs-form"]):
            self._what()
        with gr.Column(elem_classes=["cs-form"]):
            self._how()
        self.seed = self.form.components["generate.seed"]
        self.texts = [self.base, self.prompt, self.negative, self.stack]
        with gr.Column(elem_classes=["cs-form"]):
            self.images = image_grid(self.studio, self.page, self.jobs)
            axes_grid(self.studio, self.page, self.form, [*self.texts, self.image, self.mask])

    def _what(self) -> None:
        """Base, stack, library."""
        with gr.Column(elem_classes=["cs-fields"]):
            self.bases = BaseField(self.studio, "cs-generate-base", TARGET)
            self.base, self.first = self.bases.select, self.bases.first
        self.stack = adapter_stack(self.studio, self.page, TARGET, self.first, "cs-generate-prompt")
        self.library = library_panel(self.studio, self.page, TARGET, self.first)

    def _how(self) -> None:
        """Prompts and settings."""
        with gr.Column(elem_classes=["cs-fields", "gen-fields"]):
            self.prompt = gr.Textbox(
                label="Prompt", lines=4, max_lines=12, elem_id="cs-generate-prompt",
                elem_classes=["cs-field"], placeholder="a red robot in the night sky",
            )  # fmt: skip
            self.tools = prompt_tools(
                self.studio, self.first, "cs-generate-prompt", "cs-generate-negative"
            )
            prompt_words(TARGET, "cs-generate-prompt")
            self.negative = gr.Textbox(
                label="Negative prompt", lines=1, max_lines=6, elem_classes=["cs-field"],
                elem_id="cs-generate-negative", placeholder="what to avoid",
            )  # fmt: skip
            self.form.components["generate.styles"] = styles = style_choice(self.studio)
            self.changes = [
                style_tools(self.studio, styles, self.prompt, self.negative),
                *size_row(self.studio, self.form, self.base, self.first),
            ]
            self.form.show(advanced=False)
            with gr.Row(elem_classes=["gen-seed"]):
                self.dice = gr.Button(
                    "Random seed (−1)", size="sm", elem_id="cs-generate-dice", min_width=60
                )
                self.again = gr.Button(
                    "Seed of the last image", size="sm", elem_id="cs-generate-again", min_width=60
                )
        with gr.Accordion(
            "Image to image", open=False, elem_classes=["cs-fields"]
        ) as self.beginning:
            self.image = start_image(self.studio, self.page)
            keys = ["generate.denoising_strength", "generate.fit"]
            self.form.show(advanced=True, keys=keys)
            with gr.Accordion("Inpaint", open=False, elem_classes=["gen-inpaint"]) as inpainting:
                self.mask, self.inpainting = mask_brush(self.studio, self.page), inpainting
                self.form.show(advanced=True, sections=["generate.inpaint"])
        with gr.Accordion("Hires fix", open=False, elem_classes=["cs-fields", "gen-hires"]):
            self.form.show(advanced=True, sections=["generate.hires"])
        with gr.Accordion("More settings", open=False, elem_classes=["cs-fields", "gen-more"]):
            self.form.components["generate.vae"] = vae_choice(self.studio)
            self.form.show(advanced=True)

    def _connect(self) -> None:
        asking = self.images.generate(
            self.start, [*self.texts, self.image, self.mask, *self.form.inputs],
            [self.images, self.prompt, self.stack],
            trigger_mode="once", **ACTION,
        )  # fmt: skip
        asking.failure(refused, None, self.images, **QUIET)
        self.images.finished(self.finished, None, self.stack, **QUIET)
        beginning, reused = [self.image, self.beginning, self.inpainting], []
        outputs = [*self.texts, *self.form.inputs, self.mask, *beginning]
        for part in (self.images, self.gallery):
            reused.append(part.reuse(self.reuse, [self.stack, self.base], outputs, **ACTION))
            part.begin(self.begin, None, beginning, **ACTION)
        restored = self.stack.settings(self.restore, [self.stack, self.base], outputs, **ACTION)
        self.stack.effect(
            self.effect, [*self.texts, self.image, self.mask, *self.form.inputs], self.stack,
            trigger_mode="multiple", **ACTION,
        )  # fmt: skip
        rebased = self.stack.rebase(self.rebased, None, self.base, **ACTION)
        diced = self.dice.click(lambda: -1, None, self.seed, **QUIET)
        seeded = self.again.click(self.last_seed, None, self.seed, **QUIET)
        Draft(self.studio.workspace.cache / "generate-form.json").keeps(
            TARGET, [self.base, self.prompt, self.negative, *self.form.inputs],
            self.drafted, self.contents,
            after=[asking, *reused, restored, rebased, self.bases.added, diced, seeded, *self.changes],
        )  # fmt: skip
        self.base.change(
            lambda base: [gr.HTML(base=base)] * 3, self.base,
            [self.stack, self.library, self.tools], **QUIET,
        )  # fmt: skip

    def asked(self, inputs: tuple[Any, ...]) -> LanesSettings:
        """What `texts`, the image, the mask and the form hold."""
        base, prompt, negative, lanes, image, mask, *rest = inputs
        values = self.form.values(tuple(rest)) | {
            "base": base,
            "prompt": prompt or "",
            "negative_prompt": negative or "",
            "image": image or "",
        }
        values = with_mask(self.studio, values, mask)
        try:
            common = GenerateSettings.parse(values)
        except SettingsError as error:
            raise self.form.named(error) from None
        return LanesSettings(common=common.seeded(), lanes=lanes_of(self.studio, lanes))

    @handler
    def start(self, event: gr.EventData, *inputs: Any) -> tuple[Any, ...]:
        """Begins a batch in the background, or puts it behind those that wait."""
        (repeats,) = read(event._data, repeats=bool)
        settings = self.asked(inputs)
        self.studio.library.prompts.add(settings.common.prompt, settings.common.negative_prompt)
        settings, written, laid = tags_moved(self.studio, settings)
        job = self.jobs.add(settings, repeats)
        return gr.HTML(started=job.id), written, laid

    @handler
    def last_seed(self) -> Any:
        """The seed of the batch that was asked for last."""
        task = self.page.tasks.latest(KIND)
        return task.about["seeds"][0] if task else gr.skip()

    @handler
    def effect(self, event: gr.EventData, *inputs: Any) -> Any:
        """Begins measuring what one file of a lane changes."""
        token, lane, place = read(event._data, token=str, lane=int, place=int)
        try:
            batches = self.asked(inputs).batches()
            if not 0 <= lane < len(batches):
                raise InputError("There is no such lane", remedy="Reload the page.")
            _, settings = batches[lane]
            self.page.tasks.start(
                EFFECT,
                lambda task: asdict(
                    self.studio.generation.effect(
                        settings, place, task.progress, task.cancelled.is_set
                    )
                ),
                token=token,
                seed=settings.seed,
            )
        except Exception as error:  # the card that asked is told, not the whole page
            return gr.HTML(refused={"token": token, "error": told(error)})
        return gr.skip()

    @handler
    def finished(self) -> Any:
        task = self.page.tasks.latest(KIND)
        if task and task.error and task.error.get("where"):
            problem = " ".join(filter(None, (task.error["what"] + ".", task.error["why"])))
            return gr.HTML(reports={task.error["where"]: {"problem": problem}})
        return gr.HTML(reports=(task.result or {}).get("reports", {}) if task else {})

    @handler
    def reuse(self, lanes: Any, base: str, event: gr.EventData) -> list[Any]:
        identity, lane, stack = read(event._data, id=str, lane=int, stack=bool)
        path = image_file(self.studio, identity)
        found = image_facts(path)["settings"]
        if not stack:
            found.pop("stack", None)
        return self.fill(found, lanes, base, lane, path)

    @handler
    def begin(self, event: gr.EventData) -> tuple[Any, Any, Any]:
        identity, inpaint = read(event._data, id=str, inpaint=bool)
        opened = gr.Accordion(open=True)
        path = str(image_file(self.studio, identity))
        return path, opened, opened if inpaint else gr.skip()

    @handler
    def restore(self, lanes: Any, base: str, event: gr.EventData) -> list[Any]:
        text, lane = read(event._data, json=str, lane=int)
        sent = parse_json(text)
        found: Json = sent if isinstance(sent, dict) else {}
        tell_origin(found)
        return self.fill(found, lanes, base, lane)

    @handler
    def rebased(self, event: gr.EventData) -> Any:
        return base_of(self.studio, event._data)

    def drafted(self, base: str, prompt: str, negative: str, *rest: Any) -> Json:
        """What is kept of the form; every browser remembers a stack of its own."""
        texts = {"prompt": prompt or "", "negative_prompt": negative or ""}
        return {"base": base, **texts, **self.form.values(rest, whole=False)}

    def contents(self, kept: Json) -> list[Any]:
        """What the form holds again, as far as it is still there."""
        known = valid(GenerateSettings, kept)
        if known.get("vae") not in self.studio.library.vaes():
            known.pop("vae", None)
        base = self.bases.kept(str(known.get("base", "")))
        texts = [known.get(key, "") for key in ("prompt", "negative_prompt")]
        return [base, *texts, *self.form.updates(known)]

    def fill(
        self, found: Json, value: Any, base: str, lane: int, shown: Path | None = None
    ) -> list[Any]:
        """Restored settings into every input, for the lane that asked; `shown` is their image."""
        known = usable(found)
        prompt: Any = known.get("prompt", "")
        lanes = lanes_of(self.studio, value)
        before = list(lanes)
        if 0 <= lane < len(lanes):
            lanes[lane], inside = into_lane(self.studio, found, lanes[lane], prompt)
            prompt = gr.skip() if inside else prompt
        base, known = that_are_here(self.studio, known, base)
        return [
            base,
            prompt,
            known.get("negative_prompt", ""),
            # lanes that stay are not sent back: the browser may know newer ones
            gr.skip() if all(a is b for a, b in zip(lanes, before, strict=True)) else
            [one.model_dump() for one in lanes],
            *self.form.updates(known),
            *masked_again(self.studio, found, shown),
        ]  # fmt: skip
