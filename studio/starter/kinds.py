"""The twelve kinds of creature and thing, and the four invented subjects, drawn in a unit box.

Each function draws one kind with a pen: base colour in, shapes out. The box's bottom edge
(y = 1) stands on the ground. Knows nothing of places, captions or sizes.
"""

from __future__ import annotations

from collections.abc import Callable

from studio.starter.draw import INK, Colour, Pen, dark, light

GLASS: Colour = (196, 232, 246)
WOOD: Colour = (150, 98, 58)
BLUSH: Colour = (250, 150, 150)
CREAM: Colour = (250, 238, 214)


def cat(pen: Pen, c: Colour) -> None:
    """Pointed ears, a raised tail, whisker cheeks."""
    pen.line([(0.5, 0.75), (0.92, 0.6), (0.98, 0.2), (0.82, -0.02)], INK, 0.27)
    pen.line([(0.5, 0.75), (0.92, 0.6), (0.98, 0.2), (0.82, -0.02)], c, 0.15)
    pen.ellipse(0.05, 0.58, 0.58, 0.44, c)
    pen.shape([(-0.72, -0.2), (-0.72, -1.0), (-0.18, -0.6)], c)
    pen.shape([(0.58, -0.2), (0.58, -1.0), (0.04, -0.6)], c)
    pen.ellipse(-0.07, -0.15, 0.72, 0.56, c)
    pen.ellipse(0.05, 0.68, 0.28, 0.26, light(c), outlined=False)
    pen.eye(-0.36, -0.2, 0.19)
    pen.eye(0.2, -0.2, 0.19)
    pen.shape([(-0.17, 0.06), (0.03, 0.06), (-0.07, 0.18)], BLUSH, outlined=False)


def dog(pen: Pen, c: Colour) -> None:
    """Hanging ears and a long light snout, standing on four legs."""
    for x in (-0.5, -0.12, 0.4, 0.74):
        pen.box(x - 0.13, 0.4, x + 0.13, 1.0, dark(c, 0.12), corner=0.08)
    pen.line([(0.78, 0.15), (1.0, -0.3)], INK, 0.27)
    pen.line([(0.78, 0.15), (1.0, -0.3)], c, 0.15)
    pen.box(-0.62, 0.02, 0.88, 0.66, c, corner=0.28)
    pen.ellipse(-0.4, -0.36, 0.5, 0.46, c)
    pen.ellipse(-0.72, -0.18, 0.3, 0.22, light(c, 0.6))
    pen.ellipse(-0.92, -0.26, 0.13, 0.11, INK, outlined=False)
    pen.ellipse(0.02, -0.22, 0.17, 0.42, dark(c, 0.4), turn=-0.2)
    pen.dot(-0.5, -0.5, 0.11)


def bird(pen: Pen, c: Colour) -> None:
    """A round body with beak, wing and two thin legs."""
    for x in (-0.12, 0.22):
        pen.line([(x, 0.6), (x, 0.98)], (230, 140, 40), 0.12)
    pen.shape([(0.45, 0.1), (1.02, -0.3), (0.98, 0.36)], dark(c))
    pen.ellipse(0.05, 0.08, 0.66, 0.66, c)
    pen.ellipse(-0.22, -0.44, 0.44, 0.42, c)
    pen.shape([(-0.58, -0.56), (-1.04, -0.34), (-0.56, -0.22)], (250, 170, 40))
    pen.ellipse(-0.1, 0.32, 0.36, 0.3, light(c), outlined=False)
    pen.ellipse(0.28, 0.08, 0.34, 0.22, dark(c, 0.22), turn=-0.5)
    pen.eye(-0.3, -0.5, 0.17, look=-0.2)


def fish(pen: Pen, c: Colour) -> None:
    """An oval body with a forked tail and fins."""
    pen.shape([(0.4, 0.15), (1.02, -0.42), (0.86, 0.15), (1.02, 0.72)], dark(c, 0.22))
    pen.shape([(-0.35, -0.3), (0.1, -0.86), (0.36, -0.24)], dark(c, 0.22))
    pen.ellipse(-0.15, 0.15, 0.8, 0.58, c)
    pen.ellipse(-0.2, 0.42, 0.46, 0.22, light(c), outlined=False)
    pen.shape([(0.0, 0.2), (0.36, 0.02), (0.36, 0.44)], dark(c, 0.22))
    pen.eye(-0.5, -0.02, 0.2, look=-0.2)


def snail(pen: Pen, c: Colour) -> None:
    """A spiral shell on a pale foot, eyes on stalks."""
    body = (240, 214, 160)
    pen.shape([(-0.95, 0.62), (-0.7, 0.5), (0.7, 0.62), (1.02, 0.98), (-0.7, 0.98)], body)
    for x in (-0.98, -0.62):
        pen.line([(-0.74, 0.5), (x, -0.3)], INK, 0.16)
    pen.ellipse(-0.76, 0.42, 0.26, 0.4, body)
    pen.eye(-1.0, -0.36, 0.17, look=-0.1)
    pen.eye(-0.58, -0.36, 0.17, look=-0.1)
    pen.ellipse(0.2, 0.08, 0.72, 0.72, c)
    pen.ellipse(0.22, 0.12, 0.46, 0.46, light(c, 0.35))
    pen.ellipse(0.24, 0.16, 0.2, 0.2, dark(c, 0.15))


def robot(pen: Pen, c: Colour) -> None:
    """A square head with lamp, a square body, jointed arms."""
    pen.line([(0, -0.6), (0, -0.95)], INK, 0.12)
    pen.ellipse(0, -0.94, 0.13, 0.13, (250, 220, 60))
    for side in (-1, 1):
        pen.line([(side * 0.5, 0.2), (side * 0.86, 0.42)], INK, 0.18)
        pen.ellipse(side * 0.86, 0.46, 0.16, 0.16, dark(c, 0.2))
        pen.box(side * 0.28 - 0.17, 0.66, side * 0.28 + 0.17, 1.0, dark(c, 0.2), corner=0.06)
    pen.box(-0.54, 0.06, 0.54, 0.78, c, corner=0.1)
    pen.box(-0.28, 0.24, 0.28, 0.56, light(c, 0.6), corner=0.05)
    pen.box(-0.66, -0.72, 0.66, 0.04, c, corner=0.16)
    pen.box(-0.52, -0.54, 0.52, -0.12, (40, 44, 62), corner=0.12, outlined=False)
    pen.ellipse(-0.24, -0.33, 0.14, 0.14, (130, 250, 230), outlined=False)
    pen.ellipse(0.24, -0.33, 0.14, 0.14, (130, 250, 230), outlined=False)


def house(pen: Pen, c: Colour) -> None:
    """Coloured walls, a gabled roof, a chimney and lit windows."""
    pen.box(0.38, -0.86, 0.64, -0.3, (170, 120, 104))
    pen.box(-0.76, -0.2, 0.76, 1.0, c)
    pen.shape([(-1.02, -0.14), (0, -0.98), (1.02, -0.14)], dark(c, 0.42))
    pen.box(-0.2, 0.36, 0.2, 1.0, (128, 78, 50), corner=0.08)
    for x in (-0.48, 0.48):
        pen.box(x - 0.18, 0.1, x + 0.18, 0.46, (255, 238, 150))


def car(pen: Pen, c: Colour) -> None:
    """A rounded cabin with two windows on two wheels."""
    pen.shape([(-0.6, 0.3), (-0.4, -0.34), (0.42, -0.34), (0.72, 0.3)], c)
    pen.shape([(-0.42, 0.22), (-0.28, -0.18), (-0.02, -0.18), (-0.02, 0.22)], GLASS)
    pen.shape([(0.1, 0.22), (0.1, -0.18), (0.32, -0.18), (0.5, 0.22)], GLASS)
    pen.box(-1.0, 0.22, 1.0, 0.76, c, corner=0.18)
    pen.ellipse(-0.88, 0.42, 0.11, 0.11, (255, 240, 160), outlined=False)
    for x in (-0.52, 0.54):
        pen.ellipse(x, 0.74, 0.27, 0.27, (62, 56, 66))
        pen.ellipse(x, 0.74, 0.11, 0.11, (220, 220, 226), outlined=False)


def boat(pen: Pen, c: Colour) -> None:
    """A wooden hull under a coloured sail."""
    pen.line([(0.02, 0.6), (0.02, -0.98)], INK, 0.13)
    pen.shape([(0.12, -0.94), (0.12, 0.36), (0.94, 0.36)], c)
    pen.shape([(-0.08, -0.66), (-0.08, 0.36), (-0.7, 0.36)], light(c, 0.3))
    pen.shape([(-1.0, 0.48), (1.0, 0.48), (0.66, 0.98), (-0.62, 0.98)], WOOD)
    pen.line([(-0.86, 0.64), (0.86, 0.64)], CREAM, 0.1)


def rocket(pen: Pen, c: Colour) -> None:
    """A pointed hull with a porthole, fins and a flame."""
    pen.shape([(-0.24, 0.62), (0, 1.1), (0.24, 0.62)], (255, 170, 40))
    pen.shape([(-0.36, 0.1), (-0.78, 0.74), (-0.3, 0.66)], dark(c, 0.35))
    pen.shape([(0.36, 0.1), (0.78, 0.74), (0.3, 0.66)], dark(c, 0.35))
    pen.shape(
        [(-0.34, 0.7), (-0.44, 0.2), (-0.4, -0.3), (-0.24, -0.72), (0, -1.02)]
        + [(0.24, -0.72), (0.4, -0.3), (0.44, 0.2), (0.34, 0.7)],
        c,
    )
    pen.shape([(-0.25, -0.68), (0, -1.02), (0.25, -0.68)], light(c, 0.55))
    pen.ellipse(0, -0.2, 0.23, 0.23, GLASS)


def mushroom(pen: Pen, c: Colour) -> None:
    """A wide spotted cap on a pale stem with a face."""
    pen.box(-0.4, -0.1, 0.4, 1.0, CREAM, corner=0.24)
    pen.shape(
        [(-0.98, 0.12), (-0.94, -0.3), (-0.66, -0.74), (-0.24, -0.95), (0.24, -0.95)]
        + [(0.66, -0.74), (0.94, -0.3), (0.98, 0.12), (0.6, 0.22), (-0.6, 0.22)],
        c,
    )
    spot = light(c, 0.75) if sum(c) < 640 else (200, 200, 212)
    pen.ellipse(-0.5, -0.26, 0.2, 0.2, spot, outlined=False)
    pen.ellipse(0.08, -0.58, 0.2, 0.17, spot, outlined=False)
    pen.ellipse(0.54, -0.16, 0.2, 0.18, spot, outlined=False)
    pen.dot(-0.17, 0.5, 0.09)
    pen.dot(0.17, 0.5, 0.09)


def tree(pen: Pen, c: Colour) -> None:
    """A trunk under a crown of three round clouds."""
    pen.shape([(-0.2, 0.1), (0.2, 0.1), (0.28, 1.0), (-0.28, 1.0)], WOOD)
    pen.ellipse(-0.46, -0.02, 0.48, 0.42, dark(c, 0.12))
    pen.ellipse(0.46, -0.02, 0.48, 0.42, dark(c, 0.12))
    pen.ellipse(0, -0.46, 0.58, 0.52, c)
    pen.ellipse(-0.16, -0.6, 0.22, 0.16, light(c, 0.35), outlined=False)


def zibbo(pen: Pen, c: Colour) -> None:
    """The invented creature: lime, violet stripes, one great eye, an orange-tipped antenna."""
    body, stripe = (168, 224, 60), (112, 50, 170)
    pen.line([(0.1, -0.5), (0.18, -0.82), (0.42, -0.92)], INK, 0.15)
    pen.ellipse(0.46, -0.9, 0.18, 0.16, (255, 122, 30))
    for side in (-1, 1):
        pen.ellipse(side * 0.34, 0.9, 0.24, 0.13, stripe)
        pen.ellipse(side * 0.78, 0.34, 0.16, 0.28, body, turn=side * -0.5)
    pen.ellipse(0, 0.18, 0.72, 0.74, body)
    pen.shape([(-0.66, 0.36), (0.66, 0.36), (0.61, 0.53), (-0.61, 0.53)], stripe, outlined=False)
    pen.shape([(-0.5, 0.68), (0.5, 0.68), (0.33, 0.83), (-0.33, 0.83)], stripe, outlined=False)
    pen.eye(0, -0.1, 0.37, look=0.15)


def korvu(pen: Pen, c: Colour) -> None:
    """The invented house: a leaning tower under a teal mushroom cap with yellow zigzags."""
    wall, cap, mark = (246, 206, 170), (26, 158, 156), (250, 222, 60)
    pen.shape([(-0.5, 1.0), (-0.2, -0.3), (0.42, -0.3), (0.48, 1.0)], wall)
    pen.shape(
        [(-0.86, -0.06), (-0.7, -0.44), (-0.26, -0.74), (0.4, -1.02), (0.5, -0.66)]
        + [(0.94, -0.36), (1.0, 0.08), (0.5, -0.06), (0.06, 0.1), (-0.4, -0.08)],
        cap,
    )
    pen.line([(-0.6, -0.28), (-0.28, -0.5), (0.0, -0.24), (0.36, -0.52), (0.72, -0.2)], mark, 0.15)
    pen.ellipse(0.02, 0.72, 0.24, 0.3, (224, 78, 50))
    pen.ellipse(0.16, 0.24, 0.16, 0.16, (120, 60, 160))


def mellin(pen: Pen, c: Colour) -> None:
    """The invented bird: an owl's face on a navy egg, a salmon bib with dots, a yellow crest."""
    body, bib, crest = (48, 66, 138), (250, 150, 128), (252, 214, 56)
    for x, tip in ((-0.16, -0.34), (0.0, 0.0), (0.16, 0.34)):
        pen.shape([(x - 0.12, -0.66), (tip, -1.04), (x + 0.12, -0.66)], crest)
    for side in (-1, 1):
        pen.ellipse(side * 0.6, 0.3, 0.2, 0.5, dark(body, 0.3), turn=side * -0.25)
    pen.ellipse(0, 0.16, 0.66, 0.84, body)
    pen.ellipse(0, 0.5, 0.42, 0.44, bib, outlined=False)
    for x, y in ((-0.2, 0.34), (0.2, 0.34), (0.0, 0.54), (-0.2, 0.72), (0.2, 0.72)):
        pen.ellipse(x, y, 0.075, 0.075, CREAM, outlined=False)
    pen.eye(-0.27, -0.28, 0.26, look=0.1)
    pen.eye(0.27, -0.28, 0.26, look=-0.1)
    pen.shape([(-0.11, -0.12), (0.11, -0.12), (0.0, 0.12)], crest)


def drask(pen: Pen, c: Colour) -> None:
    """The invented robot: a magenta crystal with a chequered belt, walking on three stilts."""
    hull, top, pale = (206, 44, 132), (240, 120, 186), (232, 246, 250)
    for x, foot in ((-0.3, -0.66), (0.0, 0.02), (0.3, 0.7)):
        pen.line([(x, 0.3), (foot, 0.96)], INK, 0.15)
        pen.ellipse(foot, 0.95, 0.13, 0.07, (70, 214, 226))
    pen.shape([(-0.78, -0.24), (0, -1.02), (0.78, -0.24), (0.5, 0.44), (-0.5, 0.44)], hull)
    pen.shape([(-0.78, -0.24), (0, -1.02), (0.0, -0.24)], top, outlined=False)
    for number in range(6):
        left = -0.72 + 0.24 * number
        pen.box(left, -0.2, left + 0.24, 0.02, INK if number % 2 else pale, outlined=False)
    pen.ellipse(0.0, 0.2, 0.17, 0.13, (70, 214, 226))


KIND_PAINTERS: dict[str, Callable[[Pen, Colour], None]] = {
    "cat": cat,
    "dog": dog,
    "bird": bird,
    "fish": fish,
    "snail": snail,
    "robot": robot,
    "house": house,
    "car": car,
    "boat": boat,
    "rocket": rocket,
    "mushroom": mushroom,
    "tree": tree,
}
SUBJECT_PAINTERS: dict[str, Callable[[Pen, Colour], None]] = {
    "zibbo": zibbo,
    "korvu": korvu,
    "mellin": mellin,
    "drask": drask,
}
