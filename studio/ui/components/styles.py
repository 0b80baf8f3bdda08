"""Styles in the Generate tab: choosing them, keeping the prompt as one, deleting one.

Owns: these inputs. Refuses to know: what a style does to a prompt (`studio.library.styles`).
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.errors import FileError
from studio.ui.live import ACTION, QUIET, handler

if TYPE_CHECKING:
    from studio.app import Studio


def style_choice(studio: Studio) -> gr.Dropdown:
    """The styles of the workspace, looked up anew whenever the list is opened."""
    styles = gr.Dropdown(
        _names(studio), value=[], multiselect=True, label="Styles",
        elem_id="cs-field-generate-styles", elem_classes=["cs-field", "gen-styles"],
        info="Prompts kept under a name, put around yours in turn.",
        allow_custom_value=True,  # one kept in another page, or restored: generating says if it is gone
    )  # fmt: skip
    styles.focus(lambda: gr.Dropdown(_names(studio)), None, styles, **QUIET)
    return styles


def style_tools(
    studio: Studio, styles: gr.Dropdown, prompt: gr.Textbox, negative: gr.Textbox
) -> Any:
    """A fold to keep what the prompts hold as a style, and to delete the chosen ones. Returns the
    event of deleting, which empties `styles`."""
    with (
        gr.Accordion("Keep or delete a style", open=False, elem_classes=["gen-style-tools"]),
        gr.Row(elem_classes=["gen-style-row"]),
    ):
        name = gr.Textbox(
            label="Name of the style", elem_id="cs-style-name", elem_classes=["cs-field"],
            info="{prompt} in your text marks where later prompts go.",
        )  # fmt: skip
        keep = gr.Button("Keep as style", size="sm", elem_id="cs-style-keep", scale=0)
        delete = gr.Button("Delete chosen", size="sm", elem_id="cs-style-delete", scale=0)

    @handler
    def kept(name: str, prompt: str, negative: str) -> Any:
        style = studio.library.styles.save(name or "", prompt or "", negative or "")
        gr.Info(f"Kept as the style “{html.escape(style.name)}”")
        return gr.Dropdown(_names(studio))

    @handler
    def deleted(chosen: list[str]) -> Any:
        for one in chosen or []:
            studio.library.styles.delete(one)
        if chosen:
            gr.Info("Moved to the workspace’s trash folder")
        return gr.Dropdown(_names(studio), value=[])

    keep.click(kept, [name, prompt, negative], styles, **ACTION)
    return delete.click(deleted, styles, styles, **ACTION)


def _names(studio: Studio) -> list[str]:
    broken: list[FileError] = []
    names = [style.name for style in studio.library.styles.all(broken)]
    for error in broken:
        gr.Warning(html.escape(f"{error.where}: {error.what}. {error.why or ''}"[:300]))
    return names
