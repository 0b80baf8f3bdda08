"""Textual Inversion: new words in the text encoder's vocabulary (Gal et al. 2022).

Owns: the new vectors (and only those rows are trained), how captions call them, and the files.
Refuses to know: the loop, base families by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from studio.config import RunConfig, Settings, setting
from studio.errors import SettingsError
from studio.families.words import contains
from studio.methods.base import ExportFacts, Group, Method, Trainable
from studio.methods.description import describe

if TYPE_CHECKING:
    from torch import Tensor

    from studio.families.base import Base


class TextualInversionOptions(Settings):
    """What only Textual Inversion has."""

    vectors: int = setting(
        4, "Token vectors of the new word; they count towards the prompt's 75.", ge=1, le=32
    )
    init_words: str = setting(
        "", "Words the vectors start from; empty takes the dataset's class word, or random vectors."
    )  # fmt: skip
    norm_prior: float = setting(
        0.0, "Pulls the vectors' length towards that of ordinary words.", ge=0, le=1, advanced=True
    )


class TextualInversion(Method):
    """Textual Inversion as a training method."""

    name: ClassVar[str] = "textual-inversion"
    title: ClassVar[str] = "Textual Inversion"
    summary: ClassVar[str] = (
        "Learns a new word and leaves the model untouched: tiny files that mix with everything."
    )
    Options: ClassVar[type[Settings]] = TextualInversionOptions

    def complete(self, options: dict[str, Any], class_word: str) -> dict[str, Any]:
        return {**options, "init_words": options.get("init_words") or class_word}

    def check(self, config: RunConfig, captions: Sequence[str]) -> list[str]:
        warnings = []
        if config.train.text_learning_rate:
            warnings.append("The text learning rate has no effect: only the new word is trained.")
        if config.prior.weight:
            warnings.append("Prior preservation has no effect: a new word changes no other prompt.")
        if config.train.gradient_checkpointing:
            warnings.append(
                "Gradient checkpointing saves little here: only a few vectors are trained."
            )
        return warnings

    def prepare(self, base: Base, config: RunConfig, trigger: str) -> Trainable:
        return TextualInversionTrainable(base, config, trigger)


class TextualInversionTrainable(Trainable):
    """The vectors of one run, one tensor [n, d] per text encoder."""

    trains_text = True

    def __init__(self, base: Base, config: RunConfig, trigger: str) -> None:
        if not trigger:
            raise SettingsError(
                "Textual Inversion needs a trigger word",
                remedy="Write the new word into the field “Trigger word”.",
            )
        self.base, self.config, self.trigger = base, config, trigger
        self.options = TextualInversionOptions.parse(config.options, where="options")
        self.vectors = [
            _initial(base, index, self.options, config.seed).requires_grad_(True)
            for index in range(len(base.text_encoders))
        ]
        self.groups = [
            Group("new word", list(self.vectors), config.train.learning_rate, 0.0)
        ]  # weight decay would shrink the vectors towards no meaning at all
        self.usual_norms = [
            float(encoder.get_input_embeddings().weight.float().norm(dim=-1).mean())
            for encoder in base.text_encoders
        ]

    @contextmanager
    def attached(self, training: bool = False) -> Iterator[None]:
        before = self.base.words.get(self.trigger)
        self.base.words[self.trigger] = list(self.vectors)
        try:
            yield
        finally:
            if before is None:
                del self.base.words[self.trigger]
            else:
                self.base.words[self.trigger] = before

    def caption(self, caption: str) -> str:
        """Puts the trigger in front of captions without it; a dropped caption keeps the trigger.

        A step whose text does not contain the word would have nothing to learn from.
        """
        if contains(caption, self.trigger):
            return caption
        return f"{self.trigger}, {caption}" if caption else self.trigger

    def extra_loss(self) -> Tensor | None:
        if not self.options.norm_prior:
            return None
        pulls = [
            ((vectors.norm(dim=-1) - usual) ** 2).mean()
            for vectors, usual in zip(self.vectors, self.usual_norms, strict=True)
        ]
        return self.options.norm_prior * sum(pulls[1:], pulls[0])

    def state(self) -> dict[str, Tensor]:
        return {f"vectors.{index}": vectors for index, vectors in enumerate(self.vectors)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        for name, tensor in self.state().items():
            tensor.data.copy_(state[name])

    def export(self, folder: Path, facts: ExportFacts) -> list[Path]:
        from studio.formats import embedding, metadata
        from studio.paths import slug

        stem = slug(facts.trigger)  # other programs call an embedding by its file's name
        vectors = [tensor.detach().float().cpu() for tensor in self.vectors]
        described = describe(self.base, self.config, facts, product="textual-inversion")
        main = folder / f"{stem}.safetensors"
        if len(vectors) == 2:
            clip_l, clip_g = vectors
            header = metadata.build(described, {"clip_l": clip_l, "clip_g": clip_g})
            return [embedding.write_sdxl(main, clip_l, clip_g, header)]
        tokens = {facts.trigger: vectors[0]}
        embedding.write_diffusers(main, tokens, metadata.build(described, tokens))
        a1111 = embedding.write_a1111(
            folder / f"{stem}.pt",
            vectors[0],
            name=facts.trigger,
            step=facts.step,
            checkpoint=self.base.hash[:10],
            checkpoint_name=self.base.name,
        )
        return [main, a1111]


def _initial(base: Base, index: int, options: TextualInversionOptions, seed: int) -> Tensor:
    """Start vectors [n, d], fp32: the given words' vectors in turn, or random ones of usual length."""
    import torch

    table = base.text_encoders[index].get_input_embeddings().weight.detach().float()
    if options.init_words.strip():
        tokenizer = base.tokenizers[index]
        ids = tokenizer(options.init_words, add_special_tokens=False)["input_ids"]
        rows = table[torch.tensor(ids, device=table.device)]
        return rows[torch.arange(options.vectors, device=table.device) % len(ids)].clone()
    generator = torch.Generator("cpu").manual_seed(seed + index)
    drawn = torch.randn(options.vectors, table.shape[1], generator=generator).to(table.device)
    return drawn / drawn.norm(dim=-1, keepdim=True) * table.norm(dim=-1).mean()
