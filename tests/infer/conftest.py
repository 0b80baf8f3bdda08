"""The tiny bases that several folders of tests share."""

from __future__ import annotations

from tests.bases import (
    inpainting,
    inpainting_folder,
    sd1,
    sd1_folder,
    sd2,
    sd2_folder,
    sdxl,
    sdxl_folder,
)

__all__ = [
    "inpainting",
    "inpainting_folder",
    "sd1",
    "sd1_folder",
    "sd2",
    "sd2_folder",
    "sdxl",
    "sdxl_folder",
]
