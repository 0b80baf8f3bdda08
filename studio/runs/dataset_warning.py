"""What the check of a dataset finds about its images, in one sentence of the preflight.

Owns: the sentence, and when a form cannot wait for it. Refuses to know: the checks
(`studio.checkup`); what is said of captions is in `preflight`.
"""

from __future__ import annotations

import contextlib

from studio.checkup.base_facts import base_facts
from studio.checkup.records import Evidence
from studio.core.errors import StudioError
from studio.families.detect import BaseInfo
from studio.formats.dataset import image_files
from studio.formats.dataset_info import DatasetInfo
from studio.library.library import Library
from studio.settings.training import RunConfig

MOST = 1000  # images; holding more against each other takes longer than a form waits


def dataset_warning(
    config: RunConfig, info: DatasetInfo, base: BaseInfo, library: Library
) -> str | None:
    """The sentence, or None; of images that are not decoded yet only what their headers tell."""
    if info.images > MOST:
        return None
    from studio.checkup.examine import at_a_glance  # numpy, only when there are images to look at

    held_out = image_files(info.held_out) if info.held_out else []
    paths = [*(item.path for item in info.items), *held_out]
    against = None
    with contextlib.suppress(StudioError):  # what is wrong with the base is said elsewhere
        against = base_facts(base, library.workspace.bases / "tokenizer", config.data.resolution)
    found = at_a_glance(Evidence(info, library.images.all_facts(paths), held_out, against))
    if not found:
        return None
    parts = [f"{one.check.title.lower()} ({len(one.files())})" for one in found]
    return (
        f"The images have something to look at: {', '.join(parts)}. "
        "“Ready to train?” in the Caption tab shows which."
    )
