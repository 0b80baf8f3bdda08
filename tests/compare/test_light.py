"""The page and the command line read these without waiting for a tensor library."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "studio.formats.dataset",
        "studio.caption.steps",
        "studio.caption.run",
        "studio.compare.record",
        "studio.compare.report.report",
        "studio.compare.archive.opening",
        "studio.generation.reports",
    ],
)
def test_importing_it_imports_no_torch(module):
    code = (
        f"import sys, {module}; heavy = {{'torch', 'transformers', 'diffusers', 'peft'}}; "
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
