"""Every check, in the order in which findings of one severity are told. A new check is a row here.

Owns: the table. Refuses to know: what a check does (its family's file).
"""

from __future__ import annotations

from studio.checkup import (
    agreement,
    captions,
    duplicates,
    folder,
    image_files,
    learnt,
    sharpness,
)
from studio.checkup.records import Check

CHECKS: tuple[Check, ...] = (
    *image_files.CHECKS,
    *duplicates.CHECKS,
    *sharpness.CHECKS,
    *captions.CHECKS,
    *agreement.CHECKS,
    *learnt.CHECKS,
    *folder.CHECKS,
)
