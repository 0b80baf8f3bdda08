"""The same pictures as the matrix of methods and families uses."""

from __future__ import annotations

from tests.matrix.conftest import pictures

__all__ = ["pictures"]
