"""Which of the old encodings texts are in: by the characters that each of them would make of it.

Owns: the candidates, how likely a character is in the languages that used them, and people's names
for them. Refuses to know: Unicode's own encodings (`studio.core.text`), files.

Every candidate that can decode the bytes is weighed by the likelihood of the characters outside
ASCII that come out: the letters of a language by their frequency, Chinese, Japanese and Korean
ones by the part of their standard they stand in (the frequent ones come first there, which is what
the standards were sorted by). This decides well from about three characters on, where detectors
made for web pages need a paragraph; what fits none of these is left to `charset-normalizer`, which
knows many more encodings.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

# encoding → (how much rarer than the usual ones, as a logarithm; its languages)
CANDIDATES: dict[str, tuple[float, tuple[str, ...]]] = {
    "cp1252": (0, ("french", "german", "spanish", "portuguese", "italian", "nordic", "icelandic")),
    "cp1251": (0, ("russian", "ukrainian", "serbian")),
    "gb18030": (0, ("simplified",)),
    "cp932": (0, ("japanese",)),
    "big5hkscs": (0, ("traditional",)),
    "cp949": (0, ("korean",)),
    "cp1250": (-1, ("polish", "czech", "slovak", "hungarian", "romanian", "croatian")),
    "cp1253": (-1, ("greek",)),
    "cp1254": (-1, ("turkish",)),
    "cp1255": (-1, ("hebrew",)),
    "cp1256": (-1, ("arabic", "persian")),
    "cp1257": (-2, ("lithuanian", "latvian", "estonian")),
    "cp874": (-1, ("thai",)),
    "euc_jp": (-2, ("japanese",)),
    "koi8_u": (-3, ("russian", "ukrainian")),
    "cp866": (-5, ("russian",)),
    "mac_cyrillic": (-5, ("russian",)),
    "mac_roman": (-6, ("french", "german", "spanish", "portuguese", "italian", "nordic")),
    "iso8859_2": (-3, ("polish", "czech", "slovak", "hungarian")),
    "iso8859_5": (-6, ("russian",)),
    "cp850": (-7, ("french", "german", "spanish", "portuguese", "italian", "nordic")),
    "cp852": (-7, ("polish", "czech", "hungarian")),
}
TITLES = {
    "gb18030": "GBK", "cp932": "Shift-JIS", "big5hkscs": "Big5", "cp949": "EUC-KR", "euc_jp": "EUC-JP",
    "cp1250": "Windows-1250", "cp1251": "Windows-1251", "cp1252": "Windows-1252",
    "cp1253": "Windows-1253", "cp1254": "Windows-1254", "cp1255": "Windows-1255",
    "cp1256": "Windows-1256", "cp1257": "Windows-1257", "cp874": "Windows-874", "koi8_u": "KOI8",
    "cp866": "DOS 866", "mac_cyrillic": "Mac Cyrillic", "mac_roman": "Mac Roman", "iso8859_2": "ISO 8859-2", "cp850": "DOS 850",
    "iso8859_5": "ISO 8859-5", "cp852": "DOS 852", "iso2022_jp": "ISO-2022-JP",
    "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32-le": "UTF-32", "utf-32-be": "UTF-32",
    "utf-8": "UTF-8",
}  # fmt: skip

# Letters outside ASCII, the most frequent first.
_LETTERS = {
    "french": "éèàêçôîâûùëïœæÿ",
    "german": "üäößé",
    "spanish": "óíáéñúü",
    "portuguese": "ãçáéíóêõâúàôü",
    "italian": "àèòùìéó",
    "nordic": "äåöøæé",
    "icelandic": "áíðóöþúæýé",
    "polish": "łąęóżśćńź",
    "czech": "íáěéřčšžýůúňťďó",
    "slovak": "áíčšéžýúťľňôďäóŕĺ",
    "hungarian": "áéöóőüíúű",
    "romanian": "ăâîşţ",
    "croatian": "čšžćđ",
    "turkish": "ıüşçğöâî",
    "lithuanian": "ėšįžųąčęū",
    "latvian": "āīēšūņģžķļč",
    "estonian": "äõüöšž",
    "russian": "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
    "ukrainian": "оанивіерстлкмудпязьбгйчхцїюжшщєфґ",
    "serbian": "аиоенсрјтукдвмлпзбгшчцњћљжђхфџ",
    "greek": "αοιετνσςρηυπκμλίόδγάθχέωφβήύώξζψϊϋΐΰ",
    "hebrew": "יוהלאתמרשבנדעקחפגםטצכןזסךץף",
    "arabic": "الينمورتبعدسفقحهكجشةصطأخضىذءزثغئظؤآإ",
    "persian": "ارنهديمتبسشوكلزگفقپحعخجچطذصضغثظژآ",
    "thai": "านรอกเงมยลวดทตสะปบคหแจพชไใขผซโธศณษถภฉ่้ีิั็ำืุู์ึ",
}
_ALPHABETS = frozenset(
    ("russian", "ukrainian", "serbian", "greek", "hebrew", "arabic", "persian", "thai")
)
# The most frequent characters in captions and everywhere, by hand.
_FREQUENT = {
    "simplified": "的一是不了人在有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后"
    "作里用道行所然家种事成方多经去学如都同现当没动面起看定天分还进好小部其些主样心她本前开但因只从想日者无力"
    "与长机十明全三关点正外高间手头文体美相见白色红蓝绿黑黄灰紫粉猫狗女孩男衣服裙发照片画背景坐站椅草树空笑眼睛"
    "穿戴帽花窗桌海山水光影风镜室内鞋脸身旁边",
    "traditional": "的一是不了人在有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後"
    "作裡用道行所然家種事成方多經去學如都同現當沒動面起看定天分還進好小部其些主樣心她本前開但因只從想日者無力"
    "與長機十明全三關點正外高間手頭文體美相見白色紅藍綠黑黃灰紫粉貓狗女孩男衣服裙髮照片畫背景坐站椅草樹空笑眼睛"
    "穿戴帽花窗桌海山水光影風鏡室內鞋臉身旁邊隻",
    "japanese": "日一人大年中本上国出生時分子前見白色赤青黒黄緑紫猫犬女男服髪写真絵背景座立椅子草木空笑目着帽花窓海山水光"
    "手足顔少長短室内靴横方立",
    "korean": "이다는의에을가고한하지를은로사도어기아서리나인대자그있고양개여남머빨간파란하얀검은색옷앉사진배경람눈웃",
}
_COMMON_MARKS = "“”‘’–—…«»°·×•©®™€£¡¿„‚´"
_CJK_MARKS = "，。、：；！？（）《》〈〉「」『』【】・～ー　…—“”‘’－／＆"
_LIKELY, _RARE, _WRONG = math.log(0.02), math.log(1e-5), math.log(1e-8)
_UNREADABLE = math.log(1e-9)  # for every byte outside ASCII that a candidate cannot decode
_POOR = math.log(2e-3)  # for a byte outside ASCII, on average: no candidate is any good
_DOUBTFUL = 3  # characters: more are no accident
_ALONE = math.log(1e-4)
_MOST_BYTES = 1 << 13


def title(encoding: str) -> str:
    """What people call an encoding."""
    return TITLES.get(encoding, encoding.replace("_", "-").upper())


def guess(samples: Sequence[bytes]) -> str | None:
    """The encoding that fits all `samples` together best, or None when none fits."""
    data = _some(samples)
    if data.isascii():
        return None
    texts = {name: _decoded(data, name) for name in CANDIDATES}
    weighed = {
        name: max(_weigh(text, language) for language in CANDIDATES[name][1])
        for name, text in texts.items()
    }
    best = max(weighed, key=lambda name: weighed[name] + CANDIDATES[name][0])
    if weighed[best] > _POOR * sum(byte > 0x7F for byte in data):
        return best
    return _any_other(data)


def _some(samples: Sequence[bytes]) -> bytes:
    """Enough of them to decide, line by line; lines in ASCII say nothing."""
    found: list[bytes] = []
    left = _MOST_BYTES
    for data in samples:
        for line in data.split(b"\n"):
            if left > 0 and not line.isascii():
                found.append(line[:_MOST_BYTES])
                left -= len(line)
    return b"\n".join(found)


def _decoded(data: bytes, encoding: str) -> str:
    """Bytes that the encoding does not know become lone surrogates."""
    return data.decode(encoding, "surrogateescape")


def prefers(data: bytes, encoding: str) -> bool:
    """Whether bytes that are valid UTF-8 are rather a text in `encoding`.

    Two bytes can be a letter with an accent in the one and a Chinese character in the other. Such
    a letter alone, without a word around it, is hardly one.
    """
    old, new = _decoded(data, encoding), data.decode("utf-8", "surrogateescape")
    if len([letter for letter in new if letter > "\x7f"]) > _DOUBTFUL or encoding not in CANDIDATES:
        return False
    alone = 0 if any(map(str.isascii, filter(str.isalpha, new))) else _ALONE
    meant = max(
        _weigh(new, language) + (0 if language in _ALPHABETS else alone)
        for language in (*_LETTERS, *_FREQUENT)
    )
    return max(_weigh(old, language) for language in CANDIDATES[encoding][1]) > meant


def _any_other(data: bytes) -> str | None:
    import charset_normalizer

    found = charset_normalizer.from_bytes(data).best()
    return found.encoding if found is not None else None


def _weigh(text: str, language: str) -> float:
    """The logarithm of how likely the characters of `text` outside ASCII are in a language."""
    likelihood = _model(language)
    alphabet = language in _ALPHABETS
    total, before = 0.0, " "
    for letter in text:
        if "\udc80" <= letter <= "\udcff":
            total += _UNREADABLE
        elif letter > "\x7f":
            total += likelihood(letter)
            if alphabet and before.isascii() and before.isalpha():
                total += _LIKELY  # two alphabets in one word
            if letter.isupper() and before.islower():
                total += _LIKELY  # a capital inside a word
        elif alphabet and letter.isalpha() and before > "\x7f" and before.isalpha():
            total += _LIKELY
        before = letter
    return total


@functools.cache
def _model(language: str) -> Callable[[str], float]:
    """Character → logarithm of its likelihood among those outside ASCII."""
    if language in _LETTERS:
        return _alphabet(_LETTERS[language])
    return functools.partial(_ideograph, language, frozenset(_FREQUENT[language]))


def _alphabet(letters: str) -> Callable[[str], float]:
    mass = sum(1 / (place + 3) for place in range(len(letters)))
    known = {letter: math.log(0.9 / (place + 3) / mass) for place, letter in enumerate(letters)}
    known |= {
        letter.upper(): value + math.log(0.1)
        for letter, value in known.items()
        if len(letter.upper()) == 1 and letter.upper() not in known
    }
    known |= dict.fromkeys(_COMMON_MARKS, math.log(1e-3)) | {"\xa0": math.log(1e-3)}

    def likelihood(letter: str) -> float:
        found = known.get(letter)
        if found is not None:
            return found
        return _RARE if letter.isalpha() else _WRONG if letter < "\xa0" else _RARE + math.log(0.1)

    return likelihood


def _ideograph(language: str, frequent: frozenset[str], letter: str) -> float:
    """Shares of a text fall on: frequent ones by hand, then what the standard puts first."""
    if letter in _CJK_MARKS:
        return _LIKELY
    if language == "japanese":
        if "\u3041" <= letter <= "\u3093":  # hiragana
            return math.log(0.5 / 80)
        if "\u30a1" <= letter <= "\u30f6":  # katakana
            return math.log(0.15 / 80)
        if "\uff61" <= letter <= "\uff9f":  # half-width katakana: one byte each
            return _RARE
    if language == "korean" and "\uac00" <= letter <= "\ud7a3":
        if letter in frequent:
            return math.log(0.5 / len(frequent))
        return math.log(0.4 / 2350) if _code(letter, "euc_kr") else _RARE
    if letter in frequent:
        return math.log(0.5 / len(frequent))
    codec, low, high, count = {
        "simplified": ("gb2312", 0xB0A1, 0xD7F9, 3755),
        "traditional": ("big5", 0xA440, 0xC67E, 5401),
        "japanese": ("shift_jis", 0x889F, 0x9872, 2965),
        "korean": ("euc_kr", 0xCAA1, 0xFDFE, 4888 * 100),  # Chinese characters in Korean
    }[language]
    code = _code(letter, codec)
    if low <= code <= high:
        return math.log(0.3 / count)
    return math.log(0.01 / 3000) if code and "\u4e00" <= letter <= "\u9fff" else _WRONG


def _code(letter: str, codec: str) -> int:
    """The two bytes of a character in a standard, as a number; 0 when it is not in it."""
    code = letter.encode(codec, "ignore")
    return int.from_bytes(code, "big") if len(code) == 2 else 0
