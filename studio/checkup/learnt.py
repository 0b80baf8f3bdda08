"""The check of what a run has learnt: images whose caption told it nothing of them.

Owns: its row of the table. Refuses to know: how losses are measured and which run it was
(`studio.generation.image_losses`).
"""

from __future__ import annotations

from studio.checkup.records import Check

CHECKS = (
    Check(
        "unlearnt", "Never learnt", "the loss of each image at fixed noise, in a run on this dataset",
        "With its own caption the model predicts such an image no better than with another one’s: is it "
        "mislabelled, or is something else in it?",
        "warning", lambda seen: list(seen.never_learnt),
    ),
)  # fmt: skip
