"""Parts of the page that render themselves in the browser: one `gr.HTML` each, made by a function.

Their scripts lie in `ui/static/scripts/`; text goes in by `textContent` only.
"""
