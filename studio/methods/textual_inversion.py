"""Textual Inversion: new words in the text encoder's vocabulary (Gal et al. 2022).

Owns: the new vectors (and only those rows are trained), how captions call them, and the files.
Refuses to know: the loop, base families by name.

A word for the negative prompt is learned like any other, from images of what is *not* wanted. It
works because guidance is eps(negative) + g · (eps(prompt) − eps(negative)) (Ho & Salimans 2022,
with the negative prompt for the empty one): the better a word describes an image, the further
guidance leads away from it. Captions that say what else an image shows keep that out of the word.
What it cannot do: learn from good images what bad ones have in common. (DreamArtist, Dong et al.
2022, trains a pair for one image; its negative half means nothing without the other.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from studio.core.errors import SettingsError
from studio.core.names import path_of
from studio.families.token_match import contains, without
from studio.methods.base import ContinuedOptions, ExportFacts, Group, Method, Trainable
from studio.methods.description import describe
from studio.settings.training import RunConfig, SampleSettings, Settings, setting

if TYPE_CHECKING:
    from torch import Tensor

    from studio.families.base import Base


class TextualInversionOptions(ContinuedOptions):
    """What only Textual Inversion has."""

    vectors: int = setting(
        4, "Token vectors of the new word; they count towards the prompt's 75.", ge=1, le=32
    )
    init: Literal["words", "random", "zero"] = setting(
        "words", "What the vectors start from: words, random vectors of usual length, or zeros.",
        label="Start from",
    )  # fmt: skip
    init_words: str = setting(
        "", "Words the vectors start from; empty takes the dataset's class word.",
        label="Start words",
    )  # fmt: skip
    negative: bool = setting(
        False, "The images show what is not wanted: the word is for the negative prompt.",
        label="For the negative prompt",
    )  # fmt: skip
    template: str = setting(
        "{trigger}, {caption}", "How a caption without the trigger word gets it.",
        pattern=r"\{trigger\}", advanced=True,
    )  # fmt: skip
    norm_prior: float = setting(
        0.0, "Pulls the vectors' length towards that of ordinary words.", ge=0, le=1, advanced=True
    )
    layout: Literal["diffusers", "kohya"] = setting(
        "diffusers", "Name of the tensor in the .safetensors file: the trigger word (diffusers, "
        "read by all) or emb_params (kohya). SDXL has its own names.", label="File layout",
        advanced=True,
    )  # fmt: skip


class TextualInversion(Method):
    """Textual Inversion as a training method."""

    name: ClassVar[str] = "textual-inversion"
    title: ClassVar[str] = "Textual Inversion"
    summary: ClassVar[str] = (
        "Learns a new word and leaves the model untouched: tiny files that mix with everything."
    )
    Options: ClassVar[type[Settings]] = TextualInversionOptions

    def encodes_once(self, config: RunConfig) -> bool:
        return False

    def complete(self, options: dict[str, Any], class_word: str) -> dict[str, Any]:
        if options.get("init", "words") != "words" or options.get("continue_from"):
            return options
        return {**options, "init_words": options.get("init_words") or class_word}

    def samples(self, config: RunConfig) -> SampleSettings:
        """A word for the negative prompt is shown at work there."""
        sample, trigger = config.sample, config.data.trigger
        if not TextualInversionOptions.parse(config.options).negative or not trigger:
            return sample
        unwanted = sample.negative_prompt
        if not contains(unwanted, trigger):
            unwanted = f"{trigger}, {unwanted}" if unwanted else trigger
        prompts = [without(prompt, trigger) for prompt in sample.prompts]
        return sample.model_copy(update={"prompts": prompts, "negative_prompt": unwanted})

    def check(self, config: RunConfig, captions: Sequence[str]) -> list[str]:
        options = TextualInversionOptions.parse(config.options, where="options")
        warnings = options.without_effect(("vectors", "init", "init_words"))
        if not options.continue_from and options.init == "words" and not options.init_words.strip():
            warnings.append("There are no words to start from: the vectors start random.")
        if options.init != "words" and options.init_words.strip():
            warnings.append("“init_words” has no effect: the vectors do not start from words.")
        trigger = config.data.trigger
        if captions and trigger and all(contains(caption, trigger) for caption in captions):
            if options.template != TextualInversionOptions.model_fields["template"].default:
                warnings.append("“template” has no effect: every caption has the trigger word.")
        if config.train.text_learning_rate:
            warnings.append("The text learning rate has no effect: only the new word is trained.")
        if config.prior.weight:
            warnings.append("Prior preservation has no effect: a new word changes no other prompt.")
        if config.train.weight_decay != type(config.train).model_fields["weight_decay"].default:
            warnings.append("Weight decay has no effect: it would take the new word's meaning.")
        if config.train.gradient_checkpointing == "on":
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
            vectors.requires_grad_(True) for vectors in _initial(base, self.options, config.seed)
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
        """Puts the trigger into captions without it; a dropped caption keeps the trigger.

        A step whose text does not contain the word would have nothing to learn from.
        """
        if contains(caption, self.trigger):
            return caption
        text = self.options.template.replace("{trigger}", self.trigger)
        return text.replace("{caption}", caption).strip(" ,")

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

    def scale(self, strength: float) -> None:
        for vectors in self.vectors:
            vectors.data.mul_(strength)

    def export(self, folder: Path, facts: ExportFacts) -> list[Path]:
        from studio.core.paths import slug
        from studio.formats import embedding, metadata

        stem = slug(facts.trigger)  # other programs call an embedding by its file's name
        vectors = [tensor.detach().float().cpu() for tensor in self.vectors]
        negative = self.options.negative
        described = describe(
            self.base, self.config, replace(facts, phrase=""), product="textual-inversion", for_negative=negative,
            usage_hint=metadata.NEGATIVE_HINT if negative else None,
        )  # fmt: skip
        main = folder / f"{stem}.safetensors"
        if len(vectors) == 2:
            clip_l, clip_g = vectors
            header = metadata.build(described, {"clip_l": clip_l, "clip_g": clip_g})
            return [embedding.write_sdxl(main, clip_l, clip_g, header)]
        if self.options.layout == "kohya":
            header = metadata.build(described, {"emb_params": vectors[0]})
            embedding.write_kohya(main, vectors[0], header)
        else:
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


def _initial(base: Base, options: TextualInversionOptions, seed: int) -> list[Tensor]:
    """Start vectors, fp32 [n, d] per text encoder."""
    if options.continue_from:
        return _from_file(base, path_of(options.continue_from).expanduser())
    return [_fresh(base, index, options, seed) for index in range(len(base.text_encoders))]


def _fresh(base: Base, index: int, options: TextualInversionOptions, seed: int) -> Tensor:
    """The given words' vectors in turn, random ones of usual length, or zeros, [n, d]."""
    import torch

    table = base.text_encoders[index].get_input_embeddings().weight.detach().float()
    if options.init == "zero":
        return torch.zeros(options.vectors, table.shape[1], device=table.device)
    if options.init == "words" and options.init_words.strip():
        tokenizer = base.tokenizers[index]
        ids = tokenizer(options.init_words, add_special_tokens=False)["input_ids"]
        rows = table[torch.tensor(ids, device=table.device)]
        return rows[torch.arange(options.vectors, device=table.device) % len(ids)].clone()
    generator = torch.Generator("cpu").manual_seed(seed + index)
    noise = torch.randn(options.vectors, table.shape[1], generator=generator).to(table.device)
    return noise / noise.norm(dim=-1, keepdim=True) * table.norm(dim=-1).mean()


def _from_file(base: Base, path: Path) -> list[Tensor]:
    """The vectors of a finished embedding; FileError or MismatchError when they cannot go on here."""
    from studio.adapters import diagnosis
    from studio.adapters.embedding import SLOTS, widths_fit
    from studio.core.errors import FileError
    from studio.formats import embedding

    file = embedding.read(path)
    if len(file.embeddings) != 1:
        raise FileError(
            "Training cannot continue from a file with several words",
            where=path,
            why="It holds " + ", ".join(file.embeddings),
            remedy="Choose a file with one word, or start anew.",
        )
    slots = next(iter(file.embeddings.values()))
    vectors = widths_fit([slots.get(slot) for slot in SLOTS], base)
    if vectors is None:
        given = {slot: int(tensor.shape[-1]) for slot, tensor in slots.items()}
        error = diagnosis.embedding_mismatch(path, given, base)
        error.remedy = "Choose the base it was made for, or another file to continue from."
        raise error
    return [tensor.float().to(base.device, copy=True) for tensor in vectors]
