"""Colours of the synthetic pictures."""

Colour = tuple[int, int, int]
"""Blue, green and red from 0 to 255, as OpenCV orders them."""


def scaled(colour: Colour, factor: float) -> Colour:
    """Make a colour brighter, by a factor above 1, or darker."""
    blue, green, red = (min(int(factor * value), 255) for value in colour)
    return blue, green, red
