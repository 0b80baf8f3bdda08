"""The page. Gradio is imported here and nowhere else; torch never is."""

from studio.ui import gradio_stubs

gradio_stubs.leave_out()
