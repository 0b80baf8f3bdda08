"""Regular expressions over many captions, with an end in sight.

Owns: the time and the length that a pattern may take, and what is said of a wrong one. Refuses to
know: captions' files, other edits.

Some patterns, such as (a+)+$, try more ways than there are atoms before they give up. The module
`regex` (which transformers brings) looks at the clock while it tries; Python's own does not.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from studio.core.counts import counted
from studio.core.errors import SettingsError

SECONDS = 2.0
"""For all captions together."""
LONGEST_PATTERN = 1000  # characters
LONGEST_CAPTION = 1 << 16  # bytes; a longer one would not be read as a caption again


def replaced(captions: Sequence[str], find: str, by: str, *, case: bool) -> list[str]:
    """Every match of `find` replaced; `by` may name groups (`\\1`, `\\g<name>`).

    Raises SettingsError for a pattern that is wrong, or takes too long.
    """
    import regex

    if len(find) > LONGEST_PATTERN:
        raise SettingsError(f"A pattern may have at most {LONGEST_PATTERN} characters")
    try:
        pattern = regex.compile(find, 0 if case else regex.IGNORECASE)
    except (regex.error, ValueError, RecursionError, OverflowError) as error:
        raise _wrong("pattern", find, error) from error
    until = time.monotonic() + SECONDS
    found = []
    for caption in captions:
        left = until - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            made = pattern.sub(by, caption, timeout=left)
        except TimeoutError as error:
            raise _too_slow(find, caption) from error
        except (regex.error, ValueError, IndexError) as error:
            raise _wrong("replacement", by, error) from error
        if len(made.encode("utf-8", "surrogatepass")) > LONGEST_CAPTION:
            raise SettingsError(
                "A caption would become too long to be one",
                where=caption[:100],
                why=f"It would have {counted(len(made), 'character')}.",
                remedy="Correct the pattern, or what stands in its place.",
            )
        found.append(made)
    return found


def _wrong(what: str, text: str, error: Exception) -> SettingsError:
    return SettingsError(
        f"This {what} cannot be read",
        where=text[:100],
        why=f"{str(error)[:1].upper()}{str(error)[1:200]}.",
        remedy="Correct it; a character that means itself, such as ( or +, needs a \\ before it.",
    )


def _too_slow(find: str, caption: str) -> SettingsError:
    return SettingsError(
        "This pattern takes too long",
        where=find[:100],
        why=f"After {SECONDS:g} seconds it had not come through “{caption[:80]}”. Repetitions inside "
        "repetitions, such as (a+)+, try a number of ways that doubles with every letter.",
        remedy="Write it without a repetition inside a repetition.",
        safe="Nothing was changed.",
    )
