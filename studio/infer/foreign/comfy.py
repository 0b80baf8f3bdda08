"""ComfyUI: the graph in `prompt` or `workflow` (PNG), in EXIF's Make, Model and others (WebP, JPEG).

Owns: what the nodes mean, from the first sampler on: texts, latents, files. Refuses to know: how a
graph is saved (`comfy_graph`) and walked (`comfy_walk`), anybody's own nodes: what they would do is
named as left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from studio.core.counts import counted
from studio.infer.foreign.comfy_graph import Node, from_prompt, from_workflow
from studio.infer.foreign.comfy_walk import Graph
from studio.infer.foreign.record import Record, plain_name
from studio.infer.foreign.tables import table_in

_EMBEDDING = re.compile(r"\bembedding:([^\s,():]+(?:\.\w+)?)")
_MODEL_NAMES = ("ckpt_name", "unet_name", "model_name")
_QUIET = {
    "CheckpointLoaderSimple", "CheckpointLoader", "UNETLoader", "CLIPSetLastLayer", "Reroute",
    "EmptyLatentImage", "ModelSamplingDiscrete", "CLIPTextEncode", "PrimitiveNode",
}  # fmt: skip


def read(texts: Mapping[str, str]) -> Record | None:
    nodes, graph = _graph(texts)
    if not graph:
        return None
    record = Record("ComfyUI")
    reader = _Reader(Graph(nodes), record)
    samplers = [key for key, node in nodes.items() if reader.is_sampler(node)]
    if not samplers:
        record.note("No sampler that is known stands in its graph, so nothing could be read.")
        return record
    first = reader.first(samplers)
    if len(samplers) > 1:
        several = counted(len(samplers), "sampler")
        record.note(f"Its graph has {several}; these are the settings of the first.")
    reader.sampler(nodes[first])
    return record


def _graph(texts: Mapping[str, str]) -> tuple[dict[str, Node], bool]:
    """(nodes, whether there was a graph); the one that ran comes before the one that was shown."""
    found: list[tuple[int, dict[str, Node]]] = []
    for text in texts.values():
        body = re.sub(r"\A\s*(?:prompt|workflow)\s*:\s*", "", text, flags=re.IGNORECASE)
        table = table_in(body)
        for rank, make in enumerate((from_prompt, from_workflow)):
            if nodes := make(table):
                found.append((rank, nodes))
    if not found:
        return {}, False
    return min(found, key=lambda pair: pair[0])[1], True


class _Reader:
    """Reads one graph into a record; knows nodes by their inputs, by their class where it must."""

    def __init__(self, graph: Graph, record: Record) -> None:
        self.graph, self.record = graph, record

    def is_sampler(self, node: Node) -> bool:
        """It has noise to begin with and something to reach."""
        known = node.links.keys() | node.values.keys()
        told = {"positive", "guider", "conditioning"} & node.links.keys()
        steps = {"steps", "sigmas"} & known or {"sampler", "sampler_name"} & known
        latent = {"latent_image", "latent", "samples", "optional_latent"} & node.links.keys()
        return bool(told and steps and (latent or "seed" in known)) and not node.passes

    def first(self, samplers: list[str]) -> str:
        """The sampler whose latents come from no other sampler."""
        for key in samplers:
            above = list(
                self.graph.up(
                    self.graph.nodes[key],
                    ("latent_image", "latent", "samples", "pixels", "image", "images"),
                )
            )
            if not any(self.is_sampler(node) for node in above):
                return key
        return samplers[0]

    def sampler(self, node: Node) -> None:
        """Everything, from one sampler on."""
        record = self.record
        guider, sigmas = self.graph.above(node, "guider"), self.graph.above(node, "sigmas")
        chosen, noise = self.graph.above(node, "sampler"), self.graph.above(node, "noise")
        told = guider if guider.kind else node
        record.seed(
            self.graph.value(node, "seed", "noise_seed")
            or self.graph.value(noise, "noise_seed", "seed")
        )
        steps = self.graph.value(node, "steps") or self.graph.value(sigmas, "steps")
        record.take("steps", steps)
        record.take("guidance", self.graph.value(told, "cfg") or self.graph.value(node, "cfg"))
        name = self.graph.value(node, "sampler_name") or self.graph.value(chosen, "sampler_name")
        if not name and chosen.kind:
            name = chosen.kind.removeprefix("Sampler")
        karras = "karras" if sigmas.kind == "KarrasScheduler" else None
        schedule = (
            self.graph.value(node, "scheduler") or self.graph.value(sigmas, "scheduler") or karras
        )
        record.sampler(name, schedule)
        self.prompts(told)
        self.files(told if "model" in told.links else node)
        self.latents(node, self.graph.value(node, "denoise") or self.graph.value(sigmas, "denoise"))
        start, end = self.graph.value(node, "start_at_step"), self.graph.value(node, "end_at_step")
        if (isinstance(start, int) and start > 0) or (isinstance(end, int) and _less(end, steps)):
            record.note("Its sampler takes only part of the steps; here all are taken.")

    def prompts(self, node: Node) -> None:
        """Texts of both sides, and how many layers of the text encoder were left out."""
        for side, name in (("positive", "prompt"), ("negative", "negative_prompt")):
            link = side if side in node.links else "conditioning" if side == "positive" else side
            texts = self.texts(node, link)
            if texts:
                self.record.take(name, " BREAK ".join(texts))
        for above in self.graph.all_above(node):
            layer = self.graph.value(above, "stop_at_clip_layer", "clip_skip")
            if type(layer) is int and layer < 0 and not above.passes:
                self.record.take("clip_skip", -layer - 1)

    def texts(self, node: Node, link: str) -> list[str]:
        """The texts behind a link, in order; several where conditionings are put together."""
        above = self.graph.above(node, link)
        if not self.graph.may_look() or not above.kind or above.kind == "ConditioningZeroOut":
            return []
        if (text := self._own_text(above, link)) is not None:
            return [_prompt(text)]
        slot = node.links[link][1]
        sides = [("positive", "negative")[min(slot, 1)]] if "positive" in above.links else []
        names = [name for name in above.links if name in sides or "conditioning" in name.lower()]
        if above.passes or above.kind.startswith("Reroute"):
            names = names or list(above.links)[:1]
        else:
            self.left_out(above)
        return [text for name in names for text in self.texts(above, name)]

    def _own_text(self, node: Node, side: str) -> str | None:
        for name in ("text", f"text_{side}", side, "text_g", "prompt", "string", "t5xxl", "clip_l"):
            if name in ("positive", "negative") and name in node.links:
                continue
            found = self.graph.text(node, name)
            if found is not None:
                other = self.graph.text(node, "text_l") if name == "text_g" else None
                if isinstance(other, str) and other.strip() and other != found:
                    self.record.note("Its second text encoder had a prompt of its own, left out.")
                return found
        return None

    def files(self, node: Node) -> None:
        """The base, and what stands between it and the sampler, in the order of the loaders."""
        record = self.record
        stack: list[tuple[Any, Any, Any]] = []
        for above in self.graph.up(node, ("model", "MODEL", "base_model", "basic_pipe")):
            if above.passes:
                continue
            found = list(_loras(above))
            stack[:0] = found
            if name := self.graph.value(above, "hypernetwork_name"):
                stack[:0] = [(name, self.graph.value(above, "strength"), None)]
            base = next((n for n in _MODEL_NAMES if self.graph.value(above, n)), None)
            if base and (not found or base != "model_name"):
                record.model(self.graph.value(above, base))
            if not base and not found and "hypernetwork_name" not in above.values:
                self.left_out(above)
        for entry in stack:
            record.file(*entry)
        for one in self.graph.nodes.values():
            if one.kind == "VAELoader" and not one.passes:
                record.vae(self.graph.value(one, "vae_name"))

    def latents(self, node: Node, denoise: Any) -> None:
        """The size, or that another image was begun with."""
        names = ("latent_image", "latent", "samples", "optional_latent", "pixels", "image")
        for above in self.graph.up(node, names):
            width = self.graph.value(above, "width", "empty_latent_width")
            height = self.graph.value(above, "height", "empty_latent_height")
            if width and height and not above.passes:
                self.record.size(width, height)
                return
            if "pixels" in above.links or above.kind.startswith("LoadImage"):
                self.record.note("It was generated from another image, which is not in it.")
                self.record.take("denoising_strength", denoise)
                return
            self.left_out(above)

    def left_out(self, node: Node) -> None:
        """Says that a node had an effect that is not here."""
        if node.kind not in _QUIET and not node.passes and not node.kind.startswith("Reroute"):
            self.record.note(f"What its node “{node.kind[:60]}” does is left out.")


def _loras(node: Node) -> list[tuple[Any, Any, Any]]:
    """(name, strength, strength on the text) of ComfyUI's loaders and the best known others'."""
    values = node.values
    if isinstance(values.get("lora_name"), str):
        one = values.get("strength_model", values.get("lora_model_strength", 1.0))
        return [
            (
                values["lora_name"],
                one,
                values.get("strength_clip", values.get("lora_clip_strength")),
            )
        ]
    found = []
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(value.get("lora"), str) and value.get("on", True):
            found.append((value["lora"], value.get("strength", 1.0), value.get("strengthTwo")))
        elif (place := re.fullmatch(r"lora_name_(\d+)", key)) and isinstance(value, str):
            number = place[1]
            one = values.get(f"model_str_{number}", values.get(f"lora_wt_{number}", 1.0))
            found.append((value, one, values.get(f"clip_str_{number}")))
    return [entry for entry in found if entry[0] != "None"]


def _prompt(text: str) -> str:
    """A text of ComfyUI as ours: files of embeddings by their names, `[` and `]` are letters there."""
    plain = _EMBEDDING.sub(lambda found: plain_name(found[1]), text)
    return re.sub(r"(?<!\\)([\[\]])", r"\\\1", plain)


def _less(end: int, steps: Any) -> bool:
    return isinstance(steps, int) and end < steps
