"""A studio with a tiny base and a small dataset; one with a run whose checkpoints can race; what shootouts
start from."""

from tests.generation.races import trained
from tests.generation.shootout_start import root, template
from tests.workspaces import config, studio

__all__ = ["config", "root", "studio", "template", "trained"]
