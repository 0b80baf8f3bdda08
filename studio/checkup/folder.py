"""What a look at the folder itself has shown: files that are not used, names that clash.

Owns: its rows of the table. Refuses to know: how it was found out (`formats.dataset`).
"""

from __future__ import annotations

from studio.checkup.records import Check, Evidence, Hit


def _clashes(seen: Evidence) -> list[Hit]:
    return [Hit((), text) for text in seen.info.problems if not _is_broken(seen, text)]


def _is_broken(seen: Evidence, text: str) -> bool:
    """Whether it is about images that cannot be read, which have a row of their own."""
    return bool(seen.info.broken) and text.rstrip(".").find("left out") >= 0


def _unused(seen: Evidence) -> list[Hit]:
    unused = seen.info.unused.sentence(
        masks_used=True
    )  # whether masks are used is the run's to say
    return [Hit((), text) for text in [*([unused] if unused else []), *seen.info.notes]]


CHECKS = (
    Check(
        "problems", "Wrong with the folder", "names, tables, `dataset.toml`",
        "Something lies there in a way that was probably not meant.",
        "warning", _clashes,
    ),
    Check(
        "unused", "How the folder was read", "files that are not used, layouts of other programs",
        "Nothing has to be done if this is what you meant.",
        "note", _unused,
    ),
)  # fmt: skip
