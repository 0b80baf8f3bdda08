"""The draft of the Train form: what was typed last, and what was typed about each dataset.

Owns: its file. Refuses to know: fields, presets, what a draft is used for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.core import atomic
from studio.core.text import read_json
from studio.ui.live import Json

MOST = 200  # datasets whose words are kept
WORDS = ("name", "trigger")


class TrainDraft:
    """One draft per workspace."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def read(self) -> Any:
        """What `keep` wrote. Raises FileNotFoundError, OSError and ValueError."""
        return read_json(self.file)

    def exists(self) -> bool:
        """Whether there is anything to read."""
        return self.file.exists()

    def keep(self, pick: Any, values: Json, options: Json) -> None:
        """Writes the draft; what is typed belongs to the dataset that is picked. StorageError."""
        if not isinstance(pick, dict):
            return
        words = {"name": values.get("name", ""), "trigger": values["data"].get("trigger", "")}
        typed = self._typed()
        typed.pop(dataset := str(pick.get("dataset", "")), None)
        if dataset and any(words.values()):
            typed[dataset] = words
        kept = dict(list(typed.items())[-MOST:])
        draft = {"pick": pick, "values": values, "options": options, "typed": kept}
        atomic.write_json(self.file, draft)

    def words(self, dataset: str) -> tuple[str, str]:
        """The run's name and trigger word as they were typed for a dataset; empty: none was."""
        found = self._typed().get(dataset, {})
        name, trigger = (found.get(key, "") for key in WORDS)
        return str(name), str(trigger)

    def _typed(self) -> dict[str, Any]:
        try:
            found = self.read()["typed"]
            return {key: words for key, words in found.items() if isinstance(words, dict)}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}
