"""What a person sets once for a whole workspace, in its `settings.toml`.

Owns: these settings and reading them. Nothing on the page writes this file, so nobody who is let in
over a link can. Refuses to know: who acts on them.
"""

from __future__ import annotations

from studio.core.errors import SettingsError
from studio.core.paths import Workspace, is_file
from studio.core.text import TextError, read_toml
from studio.settings.base import Settings, setting

FILE = "settings.toml"


class WorkspaceSettings(Settings):
    """The table of `settings.toml`."""

    notify: str = setting(
        "",
        "Told when a run has ended or failed: an address (https://…) that gets a POST with JSON, or a "
        "command that gets the same on its standard input.",
    )
    caption_endpoint: str = setting(
        "",
        "The one endpoint for captions that may be used over a link, as an address "
        "(http://localhost:11434/v1).",
    )


def workspace_settings(workspace: Workspace) -> WorkspaceSettings:
    """The settings of a workspace, all of them defaults where there is no file; SettingsError when
    the file cannot be understood."""
    path = workspace.root / FILE
    if not is_file(path):
        return WorkspaceSettings()
    try:
        values = read_toml(path)
    except (OSError, TextError) as error:
        raise SettingsError(
            "The settings of this workspace cannot be read",
            where=path,
            why=str(error),
            remedy=f"Correct {FILE}, or remove it.",
        ) from error
    return WorkspaceSettings.parse(values, where=str(path))
