"""How Gradio is launched, whoever asks: nothing monitored, nothing blocked, no pages of its own.

Owns: the options. Refuses to know: addresses, who may sign in (`ui.app`).
"""

from __future__ import annotations

from typing import Any

from studio.ui import scripts, tables, theme

MAX_UPLOAD = 4 * 1024**3  # bytes: a big adapter; a whole base goes through the bases folder


def launch_options() -> dict[str, Any]:
    """What is the same for every server of ours."""
    return {
        "inbrowser": False,
        "prevent_thread_lock": True,
        "quiet": True,
        "debug": False,
        "show_error": False,
        "max_file_size": MAX_UPLOAD,
        "blocked_paths": [],
        "strict_cors": True,
        "state_session_capacity": 200,
        "run_history": False,
        "enable_monitoring": False,
        "mcp_server": False,
        "ssr_mode": False,
        "pwa": False,
        "footer_links": [],
        "theme": theme.theme(),
        "css": theme.stylesheet(),
        "head": tables.element() + scripts.preloads(),
    }
