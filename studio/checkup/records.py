"""What a check is, what it is given, and what it finds.

Owns: the records. Refuses to know: any check (`table`), how evidence is gathered (`examine`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from studio.core.names import printable
from studio.formats.dataset_info import DatasetInfo
from studio.formats.image_memory import ImageFacts

Severity = Literal["error", "warning", "note"]
"""No run can start; worth fixing before one; worth knowing. The preflight of a run agrees."""
Json = dict[str, Any]


@dataclass(frozen=True)
class BaseFacts:
    """What a dataset is held against."""

    name: str
    title: str
    resolution: int
    """Pixels that it is trained at."""
    multiple: int
    """Both sides of a bucket are multiples of it."""
    count: Callable[[str], tuple[int, int]] | None = None
    """(tokens, chunks) of a caption; None where a caption of any length fits."""
    chunk: int = 0
    """Tokens in one chunk of its text encoder."""


@dataclass(frozen=True)
class Fit:
    """How well one caption fits its image, by the base's CLIP."""

    file: Path
    similarity: float
    """Cosine of the image and its caption."""
    fit: float
    """The same less what this image has in common with all captions, and this caption with all
    images: 0 where any other caption of the set would do as well."""
    better: str = ""
    """Another caption of the set that is nearer to the image, if there is one."""


@dataclass(frozen=True)
class Hit:
    """One place where a check found something."""

    files: tuple[Path, ...]
    """One image, or several that belong together; none when it is about the folder."""
    why: str = ""


@dataclass(frozen=True)
class Evidence:
    """All that the checks look at; they open no file."""

    info: DatasetInfo
    facts: Mapping[Path, ImageFacts]
    """Of the images that are trained on, of broken ones and of held-out ones."""
    held_out: Sequence[Path] = ()
    base: BaseFacts | None = None
    fits: Sequence[Fit] = ()
    """Lowest first; empty where nobody asked, or the base has no CLIP."""
    never_learnt: Sequence[Hit] = ()
    """What a run on this dataset says of images that it did not learn by their captions."""

    def name(self, path: Path) -> str:
        """An image as the dataset's reader knows it."""
        root = self.info.path
        return printable((path.relative_to(root) if path.is_relative_to(root) else path).as_posix())


@dataclass(frozen=True)
class Check:
    """The table's row."""

    name: str
    title: str
    looks_at: str
    says: str
    """One sentence for whoever has such an image: what it means, or what to do."""
    severity: Severity
    find: Callable[[Evidence], list[Hit]]


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: Check
    hits: list[Hit]

    def files(self) -> list[Path]:
        """Every image that it is about, once."""
        return list(dict.fromkeys(file for hit in self.hits for file in hit.files))


@dataclass(frozen=True)
class BucketRow:
    """One bucket: its size, how many images go there, what their crops lose on average and at most."""

    width: int
    height: int
    images: int
    lost: float
    most_lost: float


@dataclass(frozen=True)
class Report:
    """What all checks found about one dataset."""

    evidence: Evidence
    findings: list[Finding]
    buckets: list[BucketRow] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    """What could not be looked at, with the reason."""

    def counts(self) -> dict[Severity, int]:
        """How many findings there are of each severity."""
        found: dict[Severity, int] = {"error": 0, "warning": 0, "note": 0}
        for finding in self.findings:
            found[finding.check.severity] += 1
        return found

    def verdict(self) -> str:
        """The line under “Ready to train?”."""
        counts = self.counts()
        return verdict(counts["error"], counts["warning"], counts["note"])

    def as_dict(self) -> Json:
        """Plain data for the page and JSON output; files by their names in the dataset."""
        base, name, counts = self.evidence.base, self.evidence.name, self.counts()
        return {
            "name": self.evidence.info.name,
            "folder": printable(self.evidence.info.path),
            "images": self.evidence.info.images,
            "base": base
            and {"name": base.name, "title": base.title, "resolution": base.resolution},
            "ready": not (counts["error"] or counts["warning"]),
            "verdict": self.verdict(),
            "counts": counts,
            "findings": [self._finding(finding) for finding in self.findings],
            "buckets": [vars(row) for row in self.buckets],
            "fits": [vars(fit) | {"file": name(fit.file)} for fit in self.evidence.fits],
            "skipped": self.skipped,
        }

    def _finding(self, finding: Finding) -> Json:
        check, name = finding.check, self.evidence.name
        return {
            "name": check.name,
            "title": check.title,
            "severity": check.severity,
            "looks_at": check.looks_at,
            "says": check.says,
            "files": [name(file) for file in finding.files()],
            "hits": [
                {"files": [name(file) for file in hit.files], "why": hit.why}
                for hit in finding.hits
            ],
        }


def verdict(errors: int, warnings: int, notes: int = 0) -> str:
    """The answer to “Ready to train?” in one line: the same before a run and for a dataset alone."""
    parts = [
        f"{number} {what if number == 1 else what + 's'}"
        for number, what in ((errors, "error"), (warnings, "warning"), (notes, "note"))
        if number
    ]
    counted = ", ".join(parts)
    if errors:
        return f"Not yet: {counted}."
    if warnings:
        return f"Yes, but look at this first: {counted}."
    return f"Yes: {counted}." if counted else "Yes: nothing was found."
