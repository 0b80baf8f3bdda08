"""Grids on disk: what is there, what older and newer versions wrote."""

from __future__ import annotations

import json
from pathlib import Path

from studio.compare.grid_record import Grid, read

OLD = Path(__file__).parent.parent / "fixtures" / "workspace-2026-11" / "grids"


def test_a_grid_of_an_earlier_version_is_written_again_with_nothing_lost(tmp_path: Path) -> None:
    (folder,) = OLD.iterdir()
    written = json.loads((folder / "grid.json").read_text("utf-8"))
    found = read(folder)
    assert found.version == 1 and found.complete and found.wanted.x.kind == "strength"
    again = json.loads(json.dumps(found.as_json()))
    assert again == {**written, "version": 1}
    newer = {**again, "version": 7, "weather": "fine"}
    assert json.loads(json.dumps(Grid.read(newer).as_json())) == newer


def test_what_a_page_gets_says_what_is_there(tmp_path: Path) -> None:
    (folder,) = OLD.iterdir()
    known = json.loads((folder / "grid.json").read_text("utf-8"))
    first = known["cells"][0]
    key = f"p{first['page']}-y{first['y']}-x{first['x']}"
    known["errors"] = {key: {"kind": "MismatchError", "what": "It does not fit"}}
    (tmp_path / "grid.json").write_text(json.dumps(known))
    shown = read(tmp_path).as_shown()
    assert shown["cells"][0]["file"] is None
    assert shown["cells"][0]["error"]["what"] == "It does not fit"
    assert shown["cells"][1]["error"] is None
    assert (shown["complete"], shown["cancelled"], shown["id"]) == (False, False, tmp_path.name)
    assert shown["sides"]["x"]["headings"] and shown["folder"] == str(tmp_path)
