"""The Generate tab: a base, a stack of adapters, a prompt, pictures.

Owns: the layout, collecting the settings of a batch, and putting a picture's settings back.
Refuses to know: how pictures are drawn and saved (`studio.app`), how cards look (components).
"""

from __future__ import annotations

import html
import secrets
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.errors import InputError, MissingError, SettingsError
from studio.core.text import parse_json
from studio.infer.infotext import VERSION
from studio.settings.lanes import LanesSettings
from studio.settings.training import GenerateSettings
from studio.ui.components.axes_grid import axes_grid
from studio.ui.components.picture_grid import KIND, picture_facts, picture_file, picture_grid
from studio.ui.components.prompt_tags import tags_moved
from studio.ui.components.prompt_words import prompt_words
from studio.ui.components.shelf import adapter_shelf
from studio.ui.components.stack import (
    EFFECT,
    adapter_stack,
    base_facts,
    lanes_of,
    named_stack,
    report_facts,
)
from studio.ui.components.start_picture import start_picture
from studio.ui.form import Form
from studio.ui.live import Json, Page, Task, handler, parts_of, read, refused

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.generation.records import DrawnLane, Generated

TARGET = "generate"
OWN = ("base", "prompt", "negative_prompt", "stack", "device", "image")
QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
ACTION: Json = {"show_progress": "hidden", "api_visibility": "private"}
# An action may be refused: only an event that goes through the queue brings its reason to the page.


def build(studio: Studio, page: Page) -> None:
    """Adds the tab's contents."""
    bases = base_choices(studio)
    first = bases[0][1] if bases else ""
    form = Form(GenerateSettings, prefix="generate.", skip=[f"generate.{key}" for key in OWN])
    with gr.Row(elem_classes=["gen-layout"]):
        with gr.Column(elem_classes=["cs-form"]):
            with gr.Column(elem_classes=["cs-fields"]):
                base = gr.Dropdown(
                    bases, value=first, label="Base model", elem_id="cs-generate-base",
                    elem_classes=["cs-field"],
                )  # fmt: skip
            stack = adapter_stack(studio, page, TARGET, first, "cs-generate-prompt")
            shelf = adapter_shelf(studio, page, TARGET, first)
        with gr.Column(elem_classes=["cs-form"]):
            with gr.Column(elem_classes=["cs-fields", "gen-fields"]):
                prompt = gr.Textbox(
                    label="Prompt", lines=4, max_lines=12, elem_id="cs-generate-prompt",
                    elem_classes=["cs-field"], placeholder="a red robot in the night sky",
                )  # fmt: skip
                prompt_words(TARGET, "cs-generate-prompt")
                negative = gr.Textbox(
                    label="Negative prompt", lines=1, max_lines=6, elem_classes=["cs-field"],
                    elem_id="cs-generate-negative", placeholder="what must not be shown",
                )  # fmt: skip
                form.show(advanced=False)
                with gr.Row(elem_classes=["gen-seed"]):
                    always = gr.Checkbox(
                        label="New seed each time", value=False, container=False,
                        elem_id="cs-generate-always", min_width=60,
                    )  # fmt: skip
                    dice = gr.Button(
                        "New seed", size="sm", elem_id="cs-generate-dice", scale=0, min_width=110
                    )
            with gr.Accordion(
                "Start from a picture", open=False, elem_classes=["cs-fields"]
            ) as beginning:
                image = start_picture(studio, page)
                form.show(advanced=True, keys=["generate.denoising"])
            with gr.Accordion("More settings", open=False, elem_classes=["cs-fields", "gen-more"]):
                form.components["generate.vae"] = vae_choice(studio)
                form.show(advanced=True)
        with gr.Column(elem_classes=["cs-form"]):
            pictures = picture_grid(studio, page)
    seed = form.components["generate.seed"]
    texts = [base, prompt, negative, stack]
    axes_grid(studio, page, form, [*texts, image])

    def asked(
        base: str, prompt: str, negative: str, lanes: Any, image: Any, rest: tuple[Any, ...],
        seed: int | None,
    ) -> LanesSettings:  # fmt: skip
        values = form.values(rest) | {
            "base": base,
            "prompt": prompt or "",
            "negative_prompt": negative or "",
            "image": image or "",
        }
        if seed is not None:
            values["seed"] = seed
        try:
            common = GenerateSettings.parse(values)
        except SettingsError as error:
            raise form.named(error) from None
        return LanesSettings(common=common, lanes=lanes_of(studio, lanes))

    @handler
    def start(
        base: str, prompt: str, negative: str, lanes: Any, image: Any, always: bool, *rest: Any
    ) -> tuple[Any, ...]:
        seed = secrets.randbelow(2**32) if always else None
        settings = asked(base, prompt, negative, lanes, image, rest, seed)
        settings, written, laid = tags_moved(studio, settings)
        task = page.tasks.start(KIND, lambda task: draw(studio, settings, task), **about(settings))
        return gr.HTML(started=task.id), settings.common.seed, written, laid

    @handler
    def effect(
        event: gr.EventData, base: str, prompt: str, negative: str, lanes: Any, image: Any,
        *rest: Any,
    ) -> Any:  # fmt: skip
        token, lane, place = read(event._data, token=str, lane=int, place=int)
        try:
            batches = asked(base, prompt, negative, lanes, image, rest, None).batches()
            if not 0 <= lane < len(batches):
                raise InputError("There is no such lane", remedy="Reload the page.")
            _, settings = batches[lane]
            page.tasks.start(
                EFFECT,
                lambda task: studio.generation.effect(
                    settings, place, task.progress, task.cancelled.is_set
                ),
                token=token,
                seed=settings.seed,
            )
        except Exception as error:  # the card that asked is told, not the whole page
            return gr.HTML(refused={"token": token, "error": parts_of(error)})
        return gr.skip()

    @handler
    def finished() -> Any:
        task = page.tasks.latest(KIND)
        if task and task.error and task.error.get("where"):
            problem = " ".join(filter(None, (task.error["what"] + ".", task.error["why"])))
            return gr.HTML(reports={task.error["where"]: {"problem": problem}})
        return gr.HTML(reports=(task.result or {}).get("reports", {}) if task else {})

    @handler
    def reuse(lanes: Any, base: str, event: gr.EventData) -> list[Any]:
        identity, lane, stack = read(event._data, id=str, lane=int, stack=bool)
        found = picture_facts(picture_file(studio, identity))["settings"]
        if not stack:
            found.pop("stack", None)
        return fill(found, lanes, base, lane)

    @handler
    def begin(event: gr.EventData) -> tuple[Any, Any]:
        (identity,) = read(event._data, id=str)
        return str(picture_file(studio, identity)), gr.Accordion(open=True)

    @handler
    def restore(lanes: Any, base: str, event: gr.EventData) -> list[Any]:
        text, lane = read(event._data, json=str, lane=int)
        sent = parse_json(text)
        found: Json = sent if isinstance(sent, dict) else {}
        tell_origin(found)
        return fill(found, lanes, base, lane)

    @handler
    def rebased(event: gr.EventData) -> Any:
        return base_of(studio, event._data)

    def fill(found: Json, value: Any, base: str, lane: int) -> list[Any]:
        known = usable(found)
        named = known.pop("base", None)
        lanes, prompt = lanes_of(studio, value), known.get("prompt", "")
        update: Json = {}
        if 0 <= lane < len(lanes):
            if "stack" in found:
                stack, missing = named_stack(studio, found["stack"])
                if missing:
                    names = html.escape(", ".join(missing)[:300])
                    gr.Warning(f"Not in your library, so left out: {names}")
                update["stack"] = stack
            if lanes[lane].prompt:  # its own prompt comes back to it, not to all
                update["prompt"], prompt = prompt, gr.skip()
            lanes[lane] = lanes[lane].model_copy(update=update)
        if named and not base_facts(studio, named):
            gr.Warning(f"The base “{html.escape(str(named)[:100])}” is not here: yours stays.")
            named = None
        if (vae := known.get("vae")) and vae not in studio.library.vaes():
            gr.Warning(
                f"The VAE “{html.escape(str(vae)[:100])}” is not here: the base's own is used."
            )
            known["vae"] = ""
        base = named or base
        side = native_size(studio, base)
        if known.get("width") == known.get("height") == side:
            known["width"] = known["height"] = 0  # the base's own, also after changing the base
        return [
            base,
            prompt,
            known.get("negative_prompt", ""),
            # lanes that stay are not sent back: the browser may know newer ones
            [lane.model_dump() for lane in lanes] if update else gr.skip(),
            *form.updates(known),
        ]

    asking = pictures.generate(
        start, [*texts, image, always, *form.inputs], [pictures, seed, prompt, stack],
        trigger_mode="once", **ACTION,
    )  # fmt: skip
    asking.failure(refused, None, pictures, **QUIET)
    pictures.finished(finished, None, stack, **QUIET)
    outputs = [*texts, *form.inputs]
    pictures.reuse(reuse, [stack, base], outputs, **ACTION)
    pictures.begin(begin, None, [image, beginning], **ACTION)
    stack.settings(restore, [stack, base], outputs, **ACTION)
    stack.effect(effect, [*texts, image, *form.inputs], stack, trigger_mode="multiple", **ACTION)
    stack.rebase(rebased, None, base, **ACTION)
    dice.click(lambda: secrets.randbelow(2**32), None, seed, **QUIET)
    base.change(
        lambda base: (gr.HTML(base=base), gr.HTML(base=base)), base, [stack, shelf], **QUIET
    )


def vae_choice(studio: Studio) -> gr.Dropdown:
    """The VAEs of the workspace, looked up anew whenever the list is opened."""

    def choices() -> list[tuple[str, str]]:
        return [("the base's own", ""), *((name, name) for name in studio.library.vaes())]

    vae = gr.Dropdown(
        choices(), value="", allow_custom_value=True, label="VAE", elem_id="cs-field-generate-vae",
        elem_classes=["cs-field"], info="Another decoder: copy it into the workspace's folder vae.",
    )  # fmt: skip
    vae.focus(lambda: gr.Dropdown(choices()), None, vae, **QUIET)
    return vae


def base_choices(studio: Studio) -> list[tuple[str, str]]:
    """(title, name) of the bases for a dropdown."""
    return [
        (f"{info.name} · {info.title}, {info.native_size} px", info.name)
        for info in studio.library.bases()
        if info.family
    ]


def base_of(studio: Studio, sent: Any) -> gr.Dropdown:
    """The base that another tab asks for, chosen among those there are now."""
    (wanted,) = read(sent, base=str)
    bases = base_choices(studio)
    if wanted not in {name for _, name in bases}:
        raise MissingError(
            "The base model of this run is not in the list",
            where=wanted[:200],
            remedy="Copy it into the workspace's folder “bases”, or choose another base.",
        )
    return gr.Dropdown(bases, value=wanted)


def native_size(studio: Studio, base: str) -> int | None:
    """The side of the pictures a base was made for."""
    return next((info.native_size for info in studio.library.bases() if info.name == base), None)


def about(settings: LanesSettings) -> Json:
    """What the page shows of a batch while it is drawn."""
    common, lanes = settings.common, [lane.name for lane in settings.lanes]
    seeds = [(common.seed + k) % 2**32 for k in range(common.count)]
    return {
        "count": common.count, "seeds": seeds, "prompt": common.prompt, "base": common.base,
        "lanes": lanes if len(lanes) > 1 else [],
    }  # fmt: skip


def draw(studio: Studio, settings: LanesSettings, task: Task) -> Json:
    """Draws one batch, or one per lane; the result names every picture by its place in `outputs/`.

    Lanes that are ready are in the task's result while the others are drawn.
    """
    lanes = [lane.model_dump() for lane in settings.lanes]
    result: Json = {"pictures": [], "reports": {}, "seconds": 0.0, "lanes": lanes}
    if len(lanes) == 1:
        ((_, own),) = settings.batches()
        batch = studio.generation.generate(own, task.progress, task.cancelled.is_set, task.look)
        return _with(studio, result | {"lanes": []}, "", batch)

    def ready(lane: DrawnLane) -> None:
        task.result = _with(studio, task.result or result, lane.name, lane.batch)

    studio.generation.generate_lanes(
        settings, task.progress, task.cancelled.is_set, ready, task.look
    )
    return task.result or result


def _with(studio: Studio, result: Json, lane: str, batch: Generated) -> Json:
    root = studio.workspace.outputs
    pictures = [
        {
            "id": picture.path.relative_to(root).as_posix(),
            "path": str(picture.path),
            "seed": picture.seed,
            "prompt": picture.prompt,
            "parameters": picture.parameters,
            "lane": lane,
        }
        for picture in batch.pictures
    ]
    return result | {
        "pictures": result["pictures"] + pictures,
        "reports": result["reports"] | report_facts(batch.reports),
        "seconds": round(result["seconds"] + batch.seconds, 1),
    }


def tell_origin(found: Json) -> None:
    """Whose picture it was, when it was somebody else's, and what could not be taken over."""
    notes = found.get("notes")
    said = [str(note) for note in notes] if isinstance(notes, list) else []
    program = str(found.get("program") or "")
    if said:
        gr.Warning(html.escape(f"From {program}: {' '.join(said)}"[:900]))
    elif program and program != VERSION:
        gr.Info(html.escape(f"These are settings of {program}."[:200]))


def usable(found: Json) -> Json:
    """Of a picture's settings those that this form can hold, each checked on its own."""
    known: Json = {}
    for name in found.keys() & (
        GenerateSettings.model_fields.keys() - {"stack", "device", "image"}
    ):
        try:
            known[name] = getattr(GenerateSettings.parse({name: found[name]}), name)
        except SettingsError:
            continue
    return known
