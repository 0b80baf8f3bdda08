"""The tiny bases that several folders of tests share."""

from __future__ import annotations

from tests.bases import sd1, sd1_folder, sd2, sd2_folder

__all__ = ["sd1", "sd1_folder", "sd2", "sd2_folder"]
