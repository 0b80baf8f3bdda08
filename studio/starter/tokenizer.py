"""The starter's CLIP tokenizer: a small byte-level BPE that can spell any text.

Every byte is a symbol (512 of them, with and without the end-of-word mark); merges make each word
of the image world, and many everyday words, cheap. Trigger words of the concepts stay in pieces,
as an invented word would in the big CLIP.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

from transformers import CLIPTokenizer

from studio.starter import world

START, END = "<|startoftext|>", "<|endoftext|>"
MERGES = 448
_EVERYDAY = """
the of and to with that this these from for are was not you your all one two three out into over
near next many some more most very little large huge tiny old new young happy sad smiling sleeping
running flying sitting standing photo photograph painting drawing sketch picture image style art
artwork portrait close up view scene background white light dark bright colour color colourful
detailed quality high best low soft sharp cute friendly lovely beautiful pretty funny strange magic
cartoon digital illustration watercolour oil pencil ink poster sticker print neon glowing line
lines dots outline striped spotted round square person man woman girl boy child face head eye eyes
hair hand animal creature monster dragon rabbit mouse bear fox horse frog flower grass leaf sun moon
star stars cloud rain wind water fire ice sand sea river lake mountain hill road street garden room
window door roof wall tower castle bridge wheel wing tail ear food cake apple ball hat shoe book
wearing holding day night morning evening summer winter spring autumn by at an as no blurry bad
ugly wrong deformed word text watermark inside outside above below left right behind front
""".split()  # noqa: SIM905


def byte_symbols() -> dict[int, str]:
    """A printable character for each byte, in the convention of byte-level BPE vocabularies."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = {byte: chr(byte) for byte in printable}
    for byte in range(256):
        if byte not in symbols:
            symbols[byte] = chr(256 + len(symbols) - len(printable))
    return symbols


def _corpus() -> Counter[str]:
    """Words and how often they count: the world's own first, everyday words after."""
    words: Counter[str] = Counter()
    for index in range(2_000):
        scene = world.random_scene(index)
        for word in world.caption(scene, index % world.TEMPLATES).replace(",", " ").split():
            words[word] += 10
    words.update(_EVERYDAY)
    return words


def learn_merges(words: Counter[str], count: int) -> list[tuple[str, str]]:
    """Byte-pair merges (Sennrich et al. 2016), the most frequent pair first."""
    spellings = {word: [*word[:-1], f"{word[-1]}</w>"] for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in spellings.items():
            for pair in pairwise(parts):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for parts in spellings.values():
            at = 0
            while at < len(parts) - 1:
                if (parts[at], parts[at + 1]) == best:
                    parts[at : at + 2] = ["".join(best)]
                at += 1
    return merges


def make_tokenizer(folder: Path) -> CLIPTokenizer:
    """Learns the merges, saves the tokenizer to `folder` and loads it again from there."""
    letters = [symbol for _, symbol in sorted(byte_symbols().items())]
    merges = learn_merges(_corpus(), MERGES)
    names = [*letters, *(f"{x}</w>" for x in letters), *("".join(pair) for pair in merges)]
    names = list(dict.fromkeys([*names, START, END]))
    tokenizer = CLIPTokenizer(
        vocab={name: index for index, name in enumerate(names)},
        merges=merges,
        bos_token=START,
        eos_token=END,
        unk_token=END,
        pad_token=END,
        model_max_length=77,
    )
    tokenizer.save_pretrained(folder)
    return CLIPTokenizer.from_pretrained(folder)
