"""A studio with a tiny base and a small dataset; one with a run whose checkpoints can race."""

from tests.generation.races import trained
from tests.workspaces import config, studio

__all__ = ["config", "studio", "trained"]
