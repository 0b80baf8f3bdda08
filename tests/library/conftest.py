"""A studio with a tiny base and a small dataset."""

from tests.workspaces import config, studio

__all__ = ["config", "studio"]
