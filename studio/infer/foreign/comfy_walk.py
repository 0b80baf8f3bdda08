"""Walking a ComfyUI graph upwards, from a node to what its inputs come from.

Owns: following links to nodes, values and texts, also in graphs that go round. Refuses to know: what
a node does to an image (`comfy`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from studio.infer.foreign.comfy_graph import Node

_FARTHEST = 200
"""Links that are followed: a graph may go round."""
_NEAR = 9
"""Nodes above one that are asked for its value."""
_VALUES = ("value", "int", "float", "seed", "string", "text", "Value", "widget_0")
_TEXTS = ("populated_text", "text", "value", "string", "prompt", "Value", "widget_0")
_PART = re.compile(r"(?:text|string|prompt)_?[a-z0-9]{1,2}")
_BETWEEN = ("delimiter", "separator")


class Graph:
    """The nodes by their keys. Names of inputs say what a link carries."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self.nodes = nodes
        self._left = _FARTHEST

    def may_look(self) -> bool:
        """Counts the texts that are looked at: their links may fork and join again and again."""
        self._left -= 1
        return self._left >= 0

    def up(self, node: Node, names: tuple[str, ...]) -> Iterator[Node]:
        """The nodes above `node`, each by the first of `names` that it has a link under."""
        for _ in range(_FARTHEST):
            link = next((node.links[name] for name in names if name in node.links), None)
            if link is None and (node.passes or node.kind.startswith("Reroute")):
                link = next(iter(node.links.values()), None)
            if link is None or link[0] not in self.nodes:
                return
            node = self.nodes[link[0]]
            yield node

    def above(self, node: Node, name: str) -> Node:
        """The node that a link leads to, or one without anything."""
        link = node.links.get(name)
        return self.nodes.get(link[0], Node("")) if link else Node("")

    def value(self, node: Node, *names: str) -> Any:
        """A value of a node by name, also where a node above it holds the value."""
        for name in names:
            if name in node.values:
                value = node.values[name]
                named = isinstance(value, dict) and "content" in value
                return value["content"] if named else value
            for above in islice(self._sources(node, name), _NEAR):
                found = [above.values[key] for key in (name, *_VALUES) if key in above.values]
                if found:
                    return found[0]
        return None

    def _sources(self, node: Node, name: str) -> Iterator[Node]:
        """What `name` is linked to, and on through nodes that hand a value on."""
        seen = 0
        while name in node.links and node.links[name][0] in self.nodes and seen < _FARTHEST:
            node, seen = self.nodes[node.links[name][0]], seen + 1
            yield node
            if name not in node.links and node.links:
                name = next(iter(node.links))

    def text(self, node: Node, name: str) -> str | None:
        """A text of a node by name, followed through nodes that hold texts and join them."""
        looking = self.may_look()
        if isinstance(value := node.values.get(name), str):
            return value
        above = self.above(node, name)
        if not above.kind or not looking:
            return None
        for key in _TEXTS:
            if key in above.values or (key == name and key in above.links):
                if (found := self.text(above, key)) is not None:
                    return found
        names = [key for key in (*above.values, *above.links) if _PART.fullmatch(key)]
        parts = [self.text(above, key) for key in sorted(names)]
        if not parts and above.links:
            return self.text(above, next(iter(above.links)))
        between = next((above.values[key] for key in _BETWEEN if key in above.values), " ")
        return str(between).join(part for part in parts if part) if any(parts) else None

    def all_above(self, node: Node) -> Iterator[Node]:
        """Every node above, each once."""
        waiting, seen = list(node.links.values()), set()
        while waiting:
            key, _ = waiting.pop()
            if key in self.nodes and key not in seen:
                seen.add(key)
                yield self.nodes[key]
                waiting += self.nodes[key].links.values()
