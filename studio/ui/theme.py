"""The studio's visual language: colours, type, spacing, and the classes every tab shares.

Owns: the Gradio theme, the style sheets and the drawings (all in `static/`).
Refuses to know: what the tabs show.

Colours (CSS variables, both modes; never write a colour of your own):
    --cs-ground --cs-card --cs-raised --cs-line --cs-line-strong --cs-text --cs-muted
    --cs-accent --cs-accent-soft --cs-on-accent --cs-good --cs-warn --cs-bad (each with -soft)
    --cs-plot-1 … --cs-plot-4 (series)          --cs-radius --cs-gap --cs-mono

Classes for `gr.HTML` parts and for `elem_classes=`:
    cs-card        a surface with border and padding; cs-card-title is its heading line
    cs-split       a `gr.Row` of settings (first column, 400 px) and result (the rest)
    cs-toolbar     a row of controls that wraps; cs-spacer pushes what follows to the right
    cs-grid        image grid; column width in --cs-cell (default 132px)
    cs-cell        one image card in it: `img` and a line of text
    cs-empty       centred empty state: `.cs-empty-title`, a `cs-muted` line, buttons
    cs-badge       state label; add data-state="running|paused|finished|stopped|failed|…"
    cs-chip        a small fact; cs-chip.is-warn for one that needs attention
    cs-button      a button in custom parts; cs-primary, cs-quiet, cs-danger, cs-icon vary it
    cs-input       text input, select or textarea in custom parts; cs-switch is a
                   `<button role="switch" aria-checked>`
    cs-checkbox    every `<input type="checkbox">` in custom parts: Gradio takes its shape away
    cs-notice      a message in place; data-kind="error|warning|info|good"
    cs-facts       definition list in two columns (dt, dd)
    cs-muted cs-small cs-number (tabular figures) cs-hidden cs-visually-hidden cs-skeleton
"""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from studio.core.text import read_text

STATIC = Path(__file__).parent / "static"

PINE = gr.themes.Color(
    "#eef8f5", "#d6eee8", "#aeddd2", "#7cc6b7", "#45a896", "#1d8a7a",
    "#0f6e62", "#0c584f", "#0b463f", "#093a35", "#05211e", name="pine",
)  # fmt: skip
STONE = gr.themes.Color(
    "#faf9f7", "#f4f2ee", "#e6e3dc", "#d2cec5", "#a5a49c", "#747871",
    "#565c57", "#3b4340", "#242b29", "#181d1c", "#101413", name="stone",
)  # fmt: skip
SANS = ["ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Noto Sans", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Consolas", "DejaVu Sans Mono", "monospace"]


LOOK = {  # of Gradio's own components; names as its themes have them
    "body_background_fill": "#f6f4f0",
    "body_background_fill_dark": "#121615",
    "body_text_color": "#1d2422",
    "body_text_color_dark": "#e6ebe8",
    "body_text_color_subdued": "#646b66",
    "body_text_color_subdued_dark": "#9aa59f",
    "background_fill_primary": "#ffffff",
    "background_fill_primary_dark": "#1a201e",
    "background_fill_secondary": "#faf9f6",
    "background_fill_secondary_dark": "#161b1a",
    "border_color_primary": "#e3dfd7",
    "border_color_primary_dark": "#2c3532",
    "block_background_fill": "#ffffff",
    "block_background_fill_dark": "#1a201e",
    "block_border_width": "1px",
    "block_shadow": "none",
    "block_radius": "10px",
    "block_label_background_fill": "transparent",
    "block_label_background_fill_dark": "transparent",
    "block_label_border_width": "0px",
    "block_title_text_weight": "550",
    "block_title_text_color": "*body_text_color",
    "block_title_text_color_dark": "*body_text_color",
    "block_info_text_color": "*body_text_color_subdued",
    "block_info_text_color_dark": "*body_text_color_subdued",
    "block_info_text_size": "12px",
    "input_border_width": "1px",
    "input_padding": "7px 10px",
    "input_background_fill": "#ffffff",
    "input_background_fill_dark": "#131817",
    "input_border_color": "#d8d4cb",
    "input_border_color_dark": "#36403d",
    "input_border_color_focus": "#0f6e62",
    "input_border_color_focus_dark": "#4cc2ae",
    "input_shadow_focus": "0 0 0 3px color-mix(in srgb, #0f6e62 20%, transparent)",
    "input_shadow_focus_dark": "0 0 0 3px color-mix(in srgb, #4cc2ae 24%, transparent)",
    "input_placeholder_color": "#626964",
    "input_placeholder_color_dark": "#9aa59f",
    "input_radius": "8px",
    "button_large_radius": "8px",
    "button_medium_radius": "8px",
    "button_small_radius": "7px",
    "button_large_text_weight": "600",
    "button_primary_background_fill": "#0f6e62",
    "button_primary_background_fill_hover": "#0c584f",
    "button_primary_background_fill_dark": "#2aa592",
    "button_primary_background_fill_hover_dark": "#4cc2ae",
    "button_primary_text_color": "#ffffff",
    "button_primary_text_color_dark": "#06211d",
    "button_primary_text_color_hover": "#ffffff",
    "button_primary_text_color_hover_dark": "#06211d",
    "button_primary_border_color": "transparent",
    "button_primary_border_color_dark": "transparent",
    "button_secondary_background_fill": "#ffffff",
    "button_secondary_background_fill_hover": "#f4f2ee",
    "button_secondary_background_fill_dark": "#232a28",
    "button_secondary_background_fill_hover_dark": "#2c3532",
    "button_secondary_border_color": "#d8d4cb",
    "button_secondary_border_color_dark": "#36403d",
    "button_secondary_text_color": "#1d2422",
    "button_secondary_text_color_dark": "#e6ebe8",
    "color_accent": "#0f6e62",
    "color_accent_soft": "#e2f2ee",
    "color_accent_soft_dark": "#17332e",
    "slider_color": "#0f6e62",
    "slider_color_dark": "#2aa592",
    "checkbox_background_color_selected": "#0f6e62",
    "checkbox_background_color_selected_dark": "#2aa592",
    "checkbox_border_color_selected": "#0f6e62",
    "checkbox_border_color_selected_dark": "#2aa592",
    "link_text_color": "#0f6e62",
    "link_text_color_dark": "#4cc2ae",
    "link_text_color_hover": "#0c584f",
    "link_text_color_hover_dark": "#7cc6b7",
    "loader_color": "#0f6e62",
    "loader_color_dark": "#4cc2ae",
}


def theme() -> gr.themes.Base:
    """Gradio's own components in the studio's colours."""
    base = gr.themes.Base(
        primary_hue=PINE, secondary_hue=PINE, neutral_hue=STONE,
        text_size=gr.themes.sizes.text_sm, spacing_size=gr.themes.sizes.spacing_md,
        radius_size=gr.themes.sizes.radius_md, font=SANS, font_mono=MONO,
    )  # fmt: skip
    return base.set(**LOOK)


def stylesheet() -> str:
    """Every style sheet of the page, the shared one first."""
    sheets = sorted(STATIC.glob("*.css"), key=lambda path: (path.name != "studio.css", path.name))
    return "\n".join(read_text(path) for path in sheets)


def drawing(name: str, otherwise: str) -> str:
    """A drawing of ours, `static/<name>.svg`, or another one where there is none of that name."""
    path = STATIC / f"{name}.svg"
    return read_text(path if path.is_file() else STATIC / f"{otherwise}.svg")


def login_page() -> bytes:
    """What is shown before somebody has signed in: one form, which needs no other file."""
    return (STATIC / "login.html").read_bytes()
