"""A captioning as it was asked for, kept in its record so that it can be continued.

Owns: that record's fields. Refuses to know: where it is kept, captioners.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Job:
    """Who describes, and which images; the key of an endpoint is no part of it."""

    by: str
    """As it is shown: “Tagger wd-v3”."""
    captioner: Mapping[str, Any]
    """Its settings."""
    only: str = "missing"
    prefix: str = ""
    files: tuple[str, ...] | None = None


def job_of(head: Mapping[str, Any]) -> Job | None:
    """The captioning that a record's first line speaks of, when it does."""
    found = head.get("job")
    if not isinstance(found, dict) or not isinstance(found.get("captioner"), dict):
        return None
    files = found.get("files")
    return Job(
        by=str(found.get("by", "")),
        captioner=found["captioner"],
        only=str(found.get("only", "missing")),
        prefix=str(found.get("prefix", "")),
        files=tuple(str(name) for name in files) if isinstance(files, list) else None,
    )
