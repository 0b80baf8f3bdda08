"""Colour profiles (ICC), built from their numbers: none ships with the library."""

from __future__ import annotations

import struct

DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))


def rgb(colorants: tuple, gamma: float | None = None) -> bytes:
    """An RGB profile of three colorants (XYZ, adapted to D50) and sRGB's curve, or a plain gamma."""
    curve = _curve(gamma)
    tags = {b"wtpt": _xyz(0.9642, 1.0, 0.8249)}
    for name, colour in zip((b"r", b"g", b"b"), colorants, strict=True):
        tags[name + b"XYZ"] = _xyz(*colour)
        tags[name + b"TRC"] = curve
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey(gamma: float | None = None) -> bytes:
    """A profile for greys."""
    tags = {b"wtpt": _xyz(0.9642, 1.0, 0.8249), b"kTRC": _curve(gamma)}
    return _profile(b"mntr", b"GRAY", b"XYZ ", tags)


def cmyk() -> bytes:
    """A printer whose every ink is grey: lightness falls with the sum of the inks."""
    grid = b"".join(
        bytes([max(0, 255 - 64 * bin(corner).count("1")), 128, 128]) for corner in range(16)
    )
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    ramp = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + grid + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": lut, b"A2B1": lut})


def _curve(gamma: float | None) -> bytes:
    numbers = (gamma,) if gamma else (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    kind = 0 if gamma else 3
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + b"".join(map(_fixed, numbers))


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, values))


def _profile(kind: bytes, space: bytes, inner: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": b"mluc" + bytes(4) + struct.pack(">II", 0, 12), **tags}
    body, table = b"", struct.pack(">I", len(tags))
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"test", 0x04200000, kind, space, inner)
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    return (head + _xyz(0.9642, 1.0, 0.8249)[8:]).ljust(128, b"\0") + table + body
