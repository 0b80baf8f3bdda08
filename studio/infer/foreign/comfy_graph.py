"""A ComfyUI graph as nodes with named inputs, from either of the two forms in which it is saved.

Owns: the forms. `prompt` (what the server ran) names every input; `workflow` (what the page shows)
keeps values by their order on the node, so the order is written down here for ComfyUI's own nodes.
Refuses to know: what a node does (`comfy`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.infer.foreign.tables import as_list

_SEED = ["seed", "control_after_generate"]
_ORDER: dict[str, list[str]] = {
    "KSampler": [*_SEED, "steps", "cfg", "sampler_name", "scheduler", "denoise"],
    "KSamplerAdvanced": [
        "add_noise", "noise_seed", "control_after_generate", "steps", "cfg", "sampler_name",
        "scheduler", "start_at_step", "end_at_step", "return_with_leftover_noise",
    ],
    "SamplerCustom": ["add_noise", "noise_seed", "control_after_generate", "cfg"],
    "RandomNoise": ["noise_seed", "control_after_generate"],
    "KSamplerSelect": ["sampler_name"],
    "BasicScheduler": ["scheduler", "steps", "denoise"],
    "KarrasScheduler": ["steps", "sigma_max", "sigma_min", "rho"],
    "SDTurboScheduler": ["steps", "denoise"],
    "CFGGuider": ["cfg"],
    "CLIPTextEncode": ["text"],
    "CLIPTextEncodeSDXL": [
        "width", "height", "crop_w", "crop_h", "target_width", "target_height", "text_g", "text_l",
    ],
    "CheckpointLoaderSimple": ["ckpt_name"],
    "CheckpointLoader": ["config_name", "ckpt_name"],
    "UNETLoader": ["unet_name", "weight_dtype"],
    "VAELoader": ["vae_name"],
    "LoraLoader": ["lora_name", "strength_model", "strength_clip"],
    "LoraLoaderModelOnly": ["lora_name", "strength_model"],
    "HypernetworkLoader": ["hypernetwork_name", "strength"],
    "CLIPSetLastLayer": ["stop_at_clip_layer"],
    "EmptyLatentImage": ["width", "height", "batch_size"],
    "LoadImage": ["image"],
    "PrimitiveNode": ["value"],
}  # fmt: skip
_MUTED, _BYPASSED = 2, 4


@dataclass
class Node:
    """One node: its class, values by name, and links by name: (node, output)."""

    kind: str
    values: dict[str, Any] = field(default_factory=dict)
    links: dict[str, tuple[str, int]] = field(default_factory=dict)
    passes: bool = False
    """Switched off: what comes in goes out."""


def from_prompt(table: Mapping[str, Any]) -> dict[str, Node]:
    """The graph that the server ran; empty for a table that is none."""
    nodes: dict[str, Node] = {}
    for key, entry in table.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("class_type"), str):
            continue
        node = nodes[key] = Node(entry["class_type"])
        inputs = entry.get("inputs")
        for name, value in inputs.items() if isinstance(inputs, dict) else ():
            if _is_link(value):
                node.links[name] = (str(value[0]), value[1])
            else:
                node.values[name] = value
    return nodes


def from_workflow(table: Mapping[str, Any]) -> dict[str, Node]:
    """The graph that the page shows; empty for a table that is none."""
    links = {}
    for link in as_list(table.get("links")):
        if isinstance(link, list) and len(link) >= 5:
            links[str(link[0])] = (str(link[1]), link[2] if isinstance(link[2], int) else 0)
        elif isinstance(link, dict):  # newer files name them
            slot = link.get("origin_slot")
            place = slot if isinstance(slot, int) else 0
            links[str(link.get("id"))] = (str(link.get("origin_id")), place)
    nodes = {}
    for entry in as_list(table.get("nodes")):
        if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
            continue
        if entry.get("mode") == _MUTED:
            continue
        node = Node(entry["type"], passes=entry.get("mode") == _BYPASSED)
        node.values = dict(_values(entry))
        for one in as_list(entry.get("inputs")):
            if isinstance(one, dict) and str(one.get("link")) in links:
                name = str(one.get("name") or "")
                node.links[name] = links[str(one.get("link"))]
                node.values.pop(name, None)
        nodes[str(entry.get("id"))] = node
    return nodes


def _values(entry: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The values on a node by name; of a node that is not ours to know, what its inputs tell."""
    values = entry.get("widgets_values")
    if isinstance(values, dict):
        yield from ((str(name), value) for name, value in values.items())
        return
    if not isinstance(values, list):
        return
    if order := _ORDER.get(entry["type"]):
        yield from zip(order, values, strict=False)
        return
    named = [
        str(one.get("name")) for one in as_list(entry.get("inputs"))
        if isinstance(one, dict) and one.get("widget")
    ]  # fmt: skip
    # a seed is followed by what becomes of it, which is no input
    kept = [
        value for value in values if value not in ("randomize", "fixed", "increment", "decrement")
    ]
    if named and len(named) == len(kept):
        yield from zip(named, kept, strict=True)
    else:
        texts = [value for value in values if isinstance(value, str)]
        yield from ((f"widget_{place}", value) for place, value in enumerate(values))
        if len(texts) == 1:
            yield "text", texts[0]


def _is_link(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str | int)
        and type(value[1]) is int
    )
