"""Which of the old encodings a text is in.

Owns: the candidates and how they are weighed. Refuses to know: Unicode's own encodings
(`studio.text`), files.
"""

from __future__ import annotations

from collections.abc import Sequence

CANDIDATES = (
    "gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1251", "koi8_r", "cp866", "cp1252", "cp1250",
    "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874",
)  # fmt: skip
_MOST_BYTES = 1 << 16


def guess(samples: Sequence[bytes]) -> str | None:
    """The encoding that fits all `samples` best, or None when none fits."""
    import charset_normalizer

    data = b"\n".join(samples)[:_MOST_BYTES]
    best = charset_normalizer.from_bytes(data, cp_isolation=list(CANDIDATES)).best()
    return best.encoding if best is not None else None
