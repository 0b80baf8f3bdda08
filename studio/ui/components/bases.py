"""The base models, and the VAEs beside them, as the page offers them.

Owns: the choices of every select, the select with its button that adds a base, and what a page needs to
know of one base. Refuses to know: how bases are found (`studio.library`) and added (`add_base`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.errors import MissingError
from studio.ui.live import ACTION, QUIET, component, handler, read

if TYPE_CHECKING:
    from studio.app import Studio


class BaseField:
    """The select of a form, and below it the button that adds a base. What another place adds appears
    here too; the select that asked for it chooses it."""

    def __init__(self, studio: Studio, elem_id: str, asked: str) -> None:
        self.studio = studio
        choices = base_choices(studio)
        self.first = choices[0][1] if choices else ""
        self.select = gr.Dropdown(
            choices, value=self.first, label="Base model", elem_id=elem_id,
            elem_classes=["cs-field"],
        )  # fmt: skip
        button = component("base_button", "<div></div>", events=["shown", "added"], asked=asked)
        button.shown(lambda: gr.Dropdown(base_choices(studio)), None, self.select, **QUIET)
        self.added = button.added(self.list_anew, None, self.select, **ACTION)

    @handler
    def list_anew(self, event: gr.EventData) -> gr.Dropdown:
        """The bases there are now; the one that was asked for from here is chosen."""
        (wanted,) = read(event._data, base=str)
        return self.kept(wanted)

    def kept(self, wanted: str) -> gr.Dropdown:
        """The bases there are now, `wanted` chosen if it is among them; else the choice stays."""
        choices = base_choices(self.studio)
        if wanted in {name for _, name in choices}:
            return gr.Dropdown(choices, value=wanted)
        return gr.Dropdown(choices)


def base_choices(studio: Studio) -> list[tuple[str, str]]:
    """(title, name) of the bases for a dropdown."""
    return [
        (
            f"{info.name} · {info.title}{', inpainting' if info.inpainting else ''}, "
            f"{info.native_size} px",
            info.name,
        )
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
            remedy="Add it with “Add a model …”, or choose another base.",
        )
    return gr.Dropdown(bases, value=wanted)


def native_size(studio: Studio, base: str) -> int | None:
    """The side of the images a base was made for."""
    return next((info.native_size for info in studio.library.bases() if info.name == base), None)


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
