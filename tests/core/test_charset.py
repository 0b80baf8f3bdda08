"""Old encodings are told apart by what they would say, in short texts and in folders of them."""

from __future__ import annotations

import pytest

from studio.core import charset, text

SENTENCES = {
    "gbk": ["一只穿着红色衣服的猫坐在椅子上", "白色的猫，蓝色的眼睛", "狗", "zibbo 猫, 窗边", "水墨画风格，山水"],
    "big5": ["一隻穿著紅色衣服的貓坐在椅子上", "白色的貓，藍色的眼睛", "貓", "zibbo 貓, 窗邊", "紅裙子"],
    "cp932": ["赤い服を着た猫が椅子に座っている", "白い猫、青い目", "猫", "ネコ", "zibbo ねこ, 窓", "浮世絵"],
    "euc_kr": ["빨간 옷을 입은 고양이가 의자에 앉아 있다", "하얀 고양이", "한복을 입은 소녀"],
    "euc_jp": ["赤い服を着た猫が椅子に座っている", "白い猫、青い目"],
    "cp1251": ["рыжий кот сидит на стуле", "кот", "zibbo кот, окно", "портрет девушки", "1girl, белые волосы"],
    "koi8_r": ["рыжий кот сидит на стуле", "портрет девушки с длинными волосами"],
    "cp866": ["рыжий кот сидит на стуле"],
    "mac_cyrillic": ["Рыжий кот сидит на старом стуле возле окна"],
    "cp1252": ["un café noir", "Mädchen mit roter Mütze", "une fille à l’école, “zibbo”", "el niño pequeño", "über", "coração"],
    "cp1250": ["kočka sedí na židli", "dziewczyna w czerwonej sukience, żółty kwiat"],
    "cp1253": ["μια γάτα κάθεται στην καρέκλα"],
    "cp1254": ["kırmızı elbiseli bir kız, şapka"],
    "cp1255": ["חתול יושב על כיסא"],
    "cp1256": ["قطة تجلس على كرسي"],
    "cp874": ["แมวนั่งบนเก้าอี้"],
    "mac_roman": ["une fille à l’école, très jolie"],
    "iso2022_jp": ["赤い服を着た猫が椅子に座っている"],
}  # fmt: skip
ALL = [(encoding, sentence) for encoding, found in SENTENCES.items() for sentence in found]


@pytest.mark.parametrize(("encoding", "sentence"), ALL, ids=lambda value: value[:12])
def test_short_texts_are_read_right_and_never_called_certain(encoding: str, sentence: str) -> None:
    found = text.decode(sentence.encode(encoding))
    assert found.text == sentence
    assert not found.certain
    assert charset.title(found.encoding) != "UTF-8"


@pytest.mark.parametrize("encoding", ["gbk", "big5", "cp932", "euc_kr", "cp1251", "cp1252"])
def test_a_folder_decides_what_its_shortest_text_cannot(encoding: str) -> None:
    samples = [sentence.encode(encoding) for sentence in SENTENCES[encoding]]
    expected = text.expect([*samples, "猫 in UTF-8".encode(), b"plain"])
    for letter in {letter for sentence in SENTENCES[encoding] for letter in sentence}:
        assert text.decode(letter.encode(encoding), expected).text == letter


def test_what_could_be_both_is_read_like_its_folder() -> None:
    cat = "猫".encode("gbk")  # the same bytes are “è” in UTF-8
    assert text.decode(cat).text == "è"
    assert text.decode(cat, "gb18030").text == "猫"
    for plain in ("café", "кот", "猫", "à la mode", "hat 🎩"):
        assert text.decode(plain.encode(), "gb18030").text == plain
        assert text.decode(plain.encode(), "cp1251").text == plain


def test_a_stray_byte_costs_itself_and_not_the_text() -> None:
    sentence = "白色的猫，蓝色的眼睛，坐在窗边的椅子上，阳光照进来" * 2
    data = sentence.encode("gbk")
    found = text.decode(data[:20] + b"\xff" + data[20:])
    assert found.text == sentence[:10] + "\ufffdFF" + sentence[10:]


def test_an_encoding_outside_the_list_is_left_to_the_library() -> None:
    assert "cp855" not in charset.CANDIDATES
    sentence = "Рыжий кот сидит на старом деревянном стуле возле окна, мягкий свет. " * 2
    assert text.decode(sentence.encode("cp855")).text == sentence


def test_bytes_that_fit_nothing_stay_visible_one_by_one() -> None:
    found = text.decode(bytes(range(0x80, 0x100)) * 3)
    assert found.encoding == text.UNKNOWN
    assert found.text.startswith("\ufffd80\ufffd81")


def test_nothing_to_guess_is_said() -> None:
    assert charset.guess([]) is None
    assert charset.guess([b"ascii", b""]) is None
    assert text.expect(["猫".encode(), b"ascii"]) is None
