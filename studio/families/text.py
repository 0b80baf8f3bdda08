"""Prompts into tokens and tokens into hidden states, with extra words and long prompts.

Owns: finding attached words in a prompt, chunks of 75 tokens, weights of tokens, and laying learned
vectors over token embeddings while an encoder runs. Refuses to know: which layer a family reads,
where words come from, how weights are written in a prompt (`studio.infer.prompt`).

Rules: an attached word is matched as a whole word, the longest first (`words` says how). Its n
vectors take n places and never straddle two chunks. A prompt of more than 75 tokens becomes several
chunks of 77 (begin, 75, end), concatenated along T; as in A1111's web UI a full chunk ends after its
last comma, if at most 20 tokens follow that, and these begin the next.
A new token id is never made: the pooled output of CLIP looks for the largest id. Of a weighted
text each part begins a new chunk; a word's vectors all get the weight of the span it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from studio.core.counts import counted
from studio.core.errors import InputError
from studio.families.base import Base
from studio.families.token_match import bounded, named
from studio.families.weighted import Text, parts_of

_BACKTRACK = 20
"""Tokens behind a comma that move on together, A1111's default."""
LEAST_MEAN = 1e-5  # of the mean size: below that a mean is mostly rounding

Forward = Callable[[Any, Tensor], tuple[Tensor, Tensor | None]]


@dataclass
class Chunk:
    """Up to 75 token ids, and which of their places show row `row` of an extra word."""

    ids: list[int] = field(default_factory=list)
    overlays: list[tuple[int, str, int]] = field(default_factory=list)
    """(place, word, row)"""
    weights: list[float] = field(default_factory=list)
    """One per id; what their hidden states are multiplied by."""


def encode(base: Base, index: int, prompts: Sequence[Text], forward: Forward) -> Encoded:
    """Runs text encoder `index` over `prompts`; shorter ones are padded with empty chunks.

    `forward(encoder, ids [N, 77])` gives hidden states [N, 77, d] and a pooled output [N, P] or
    None. Returns hidden [B, 77·chunks, d] and the pooled output of each prompt's first chunk.
    """
    encoder, tokenizer = base.text_encoders[index], base.tokenizers[index]
    rows = [chunks_of(tokenizer, prompt, _lengths(base), _room(base, index)) for prompt in prompts]
    # every encoder must give the same T, even if their vocabularies split a prompt differently
    count = max(len(chunks) for chunks in rows)
    for other in range(len(base.tokenizers)):
        if other != index:
            count = max(count, *(_count_chunks(base, other, prompt) for prompt in prompts))
    chunks = [chunk for row in rows for chunk in (*row, *[Chunk()] * (count - len(row)))]
    ids = torch.tensor([_framed(tokenizer, chunk, _room(base, index)) for chunk in chunks])
    overlays = [
        (row, place + 1, base.words[word][index][vector])  # + 1: the begin token
        for row, chunk in enumerate(chunks)
        for place, word, vector in chunk.overlays
    ]
    with overlaid(encoder, overlays):
        hidden, pooled = forward(encoder, ids.to(base.device))
    hidden = emphasised(hidden, [chunk.weights for chunk in chunks])
    hidden = hidden.reshape(len(rows), -1, hidden.shape[-1])
    return Encoded(hidden, pooled[::count] if pooled is not None else None)


def emphasised(hidden: Tensor, weights: Sequence[Sequence[float]], first: int = 1) -> Tensor:
    """Hidden states [N, 77, d], each token's times its weight, each chunk's mean as it was.

    z' = w·z, then z'·mean(z)/mean(z'), the mean over all tokens and numbers of a chunk, begin and
    end included with weight 1: “Original” emphasis of A1111's web UI. `weights`: per chunk one for
    each of its tokens from place `first` on (CLIP: behind the begin token). Chunks without weights are untouched; pooled outputs are never weighted.
    A mean that is nothing but rounding (an encoder whose last norm has no bias) is not kept: the
    quotient of two of them is any number, also infinity.
    """
    rows = [row for row, found in enumerate(weights) if any(weight != 1 for weight in found)]
    if not rows:
        return hidden
    factors = hidden.new_ones((len(rows), hidden.shape[1], 1), dtype=torch.float32)
    for place, row in enumerate(rows):
        factors[place, first : len(weights[row]) + first, 0] = torch.tensor(weights[row]).to(
            factors
        )
    plain = hidden[rows].float()
    scaled = plain * factors
    before, after = plain.mean((1, 2), keepdim=True), scaled.mean((1, 2), keepdim=True)
    least = LEAST_MEAN * plain.abs().mean((1, 2), keepdim=True)
    meant = torch.minimum(before.abs(), after.abs()) > least
    scaled = torch.where(meant, scaled * (before / after), scaled)
    hidden = hidden.clone()
    hidden[rows] = scaled.to(hidden.dtype)
    return hidden


def pooled(base: Base, index: int, prompt: Text) -> Tensor:
    """The pooled output of every chunk of a prompt [N, d], after the final norm, unprojected."""
    found: list[Tensor] = []

    def forward(encoder: Any, ids: Tensor) -> tuple[Tensor, None]:
        output = inner(encoder)(ids)
        found.append(output.pooler_output)
        return output.last_hidden_state, None

    encode(base, index, [prompt], forward)
    return found[0]


@dataclass(frozen=True)
class Encoded:
    """What one text encoder gives: hidden states [B, T, d], pooled [B, P] or None."""

    hidden: Tensor
    pooled: Tensor | None


def chunks_of(tokenizer: Any, prompt: Text, words: Mapping[str, int], room: int) -> list[Chunk]:
    """Splits `prompt` into chunks of at most `room` tokens; `words` maps word → its vectors.

    An empty prompt is one empty chunk. Raises InputError for a word that no chunk can hold.
    """
    filler, comma = _ordinary_id(tokenizer), _comma_id(tokenizer)
    chunks: list[Chunk] = []
    for part in parts_of(prompt):
        chunks.append(Chunk())
        for span in part:
            for piece, is_word in split(span.text, words):
                if is_word:
                    word = named(piece, words)
                    _make_room(chunks, comma, room)
                    _add_word(chunks, word, words[word], span.weight, filler, room)
                    continue
                ids = tokenizer(piece, add_special_tokens=False, verbose=False)["input_ids"]
                for token in ids:
                    _make_room(chunks, None if token == comma else comma, room)
                    chunks[-1].ids.append(int(token))
                    chunks[-1].weights.append(span.weight)
    return chunks


def _make_room(chunks: list[Chunk], comma: int | None, room: int) -> None:
    """A new chunk where the last is full, with what follows a late comma there."""
    full = chunks[-1]
    if len(full.ids) < room:
        return
    chunks.append(Chunk())
    words = {place for place, _, _ in full.overlays}
    late = range(room - 1, max(room - _BACKTRACK, 0) - 1, -1)
    commas = (place for place in late if full.ids[place] == comma and place not in words)
    cut = next(commas, room - 1) + 1
    moved = [(place - cut, word, row) for place, word, row in full.overlays if place >= cut]
    full.overlays = [entry for entry in full.overlays if entry[0] < cut]
    chunks[-1].ids, full.ids = full.ids[cut:], full.ids[:cut]
    chunks[-1].weights, full.weights = full.weights[cut:], full.weights[:cut]
    chunks[-1].overlays = moved


def _add_word(
    chunks: list[Chunk], word: str, length: int, weight: float, filler: int, room: int
) -> None:
    if length > room:
        raise InputError(
            f"The word “{word}” is too long for this base",
            why=f"It has {counted(length, 'vector')}; the text encoder takes {room} at once.",
        )
    if len(chunks[-1].ids) + length > room:
        chunks.append(Chunk())
    start = len(chunks[-1].ids)
    chunks[-1].ids += [filler] * length
    chunks[-1].weights += [weight] * length
    chunks[-1].overlays += [(start + row, word, row) for row in range(length)]


def split(prompt: str, words: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Cuts `prompt` into (text, False) and (attached word as written there, True), in order."""
    if not words:
        return [(prompt, False)]
    names = sorted(filter(None, words), key=len, reverse=True)
    pattern = "|".join(bounded(name) for name in names)
    pieces: list[tuple[str, bool]] = []
    reached = 0
    for match in re.finditer(pattern, prompt, re.IGNORECASE):
        pieces += [(prompt[reached : match.start()], False), (match.group(), True)]
        reached = match.end()
    return [piece for piece in (*pieces, (prompt[reached:], False)) if piece[0]]


@contextmanager
def overlaid(encoder: nn.Module, overlays: Sequence[tuple[int, int, Tensor]]) -> Iterator[None]:
    """Inside, the token embeddings at (row, place) are the given vectors [d]; gradients reach them."""
    if not overlays:
        yield
        return
    rows, places, vectors = zip(*overlays, strict=True)

    def lay_over(_: nn.Module, __: Any, embeddings: Tensor) -> Tensor:
        index = (
            torch.tensor(rows, device=embeddings.device),
            torch.tensor(places, device=embeddings.device),
        )
        return embeddings.index_put(index, torch.stack(vectors).to(embeddings))

    handle = encoder.get_input_embeddings().register_forward_hook(lay_over)
    try:
        yield
    finally:
        handle.remove()


def final_layer_norm(encoder: Any) -> nn.Module:
    """The encoder's last LayerNorm, wherever its version of the class keeps it."""
    norm: nn.Module = inner(encoder).final_layer_norm
    return norm


def inner(encoder: Any) -> Any:
    """The transformer itself, without a projection around it."""
    return getattr(encoder, "text_model", encoder)


def _framed(tokenizer: Any, chunk: Chunk, room: int) -> list[int]:
    padding = [tokenizer.pad_token_id] * (room - len(chunk.ids))
    return [tokenizer.bos_token_id, *chunk.ids, tokenizer.eos_token_id, *padding]


def _room(base: Base, index: int) -> int:
    return int(base.text_encoders[index].config.max_position_embeddings) - 2


def _lengths(base: Base) -> dict[str, int]:
    return {word: len(vectors[0]) for word, vectors in base.words.items()}


def _count_chunks(base: Base, index: int, prompt: Text) -> int:
    return len(chunks_of(base.tokenizers[index], prompt, _lengths(base), _room(base, index)))


def _comma_id(tokenizer: Any) -> int | None:
    """The token that a comma is; None for a vocabulary that has none of its own."""
    ids = tokenizer(",", add_special_tokens=False, verbose=False)["input_ids"]
    return int(ids[0]) if len(ids) == 1 else None


def _ordinary_id(tokenizer: Any) -> int:
    special = set(tokenizer.all_special_ids)
    return next(token for token in range(len(tokenizer)) if token not in special)
