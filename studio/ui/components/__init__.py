"""Parts of the page that draw themselves in the browser: one `gr.HTML` each, made by a function.

Their JavaScript lives beside the page's own in `ui/static/`; text goes in by `textContent` only.
"""
