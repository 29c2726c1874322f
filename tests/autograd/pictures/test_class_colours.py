"""The colours of classes: seen on their ground, told apart by everybody, and no sign of a gradient or of a number."""

import itertools

import pytest

from autograd.pictures.style import CLASSES, PAGE

# Linear RGB as it is seen (Machado, Oliveira & Fernandes 2009, severity 1).
SIGHT = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
GROUNDS = [0, 1]  # light and dark


def linear(colour):
    parts = [c / 255 for c in bytes.fromhex(colour[1:])]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def luminance(colour):
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def lab(colour, sight):
    """CIE 1976 L*a*b* of what is seen of a colour."""
    r, g, b = (max(0.0, sum(m * c for m, c in zip(row, linear(colour), strict=True))) for row in SIGHT[sight])
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883,
    )
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def difference(a, b, sight="all"):
    return sum((p - q) ** 2 for p, q in zip(lab(a, sight), lab(b, sight), strict=True)) ** 0.5


def signs(ground):
    """The colours of signs: of gradients on every page, and of weights and values on that of the playground."""
    return [PAGE[name][ground] for name in ("positive", "negative", "above", "below")]


@pytest.mark.parametrize("ground", GROUNDS)
def test_every_colour_is_seen_on_its_ground(ground):
    surface = PAGE["surface"][ground]
    for colours in CLASSES:
        assert contrast(colours[ground], surface) >= 3.0, colours  # WCAG 2, graphics
    for colour in signs(ground):
        assert contrast(colour, surface) >= 4.5, colour  # text


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("ground", GROUNDS)
def test_two_classes_and_two_signs_are_told_apart_in_every_kind_of_colour_blindness(ground, sight):
    a, b, c = (colours[ground] for colours in CLASSES[:3])
    assert difference(a, b, sight) >= 35
    assert min(difference(a, c, sight), difference(b, c, sight)) >= 20
    positive, negative, above, below = signs(ground)
    assert min(difference(positive, negative, sight), difference(above, below, sight)) >= 35


@pytest.mark.parametrize("ground", GROUNDS)
def test_classes_have_colours_of_their_own_and_others_than_signs(ground):
    for colours, sign in itertools.product(CLASSES[:3], signs(ground)):
        assert difference(colours[ground], sign) >= 30, (colours, sign)
    assert min(difference(a[ground], b[ground]) for a, b in itertools.combinations(CLASSES, 2)) >= 12
