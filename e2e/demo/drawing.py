"""Images as text, side by side."""

from collections.abc import Sequence

import numpy as np

SHADES = " .:-=+*#%@"
ROWS, COLUMNS = 9, 18  # a character is about twice as high as it is wide
GAP = "  "


def draw(image: np.ndarray) -> list[str]:
    """An image [height, width] in 0…1 as lines of text."""
    height, width = image.shape
    rows = np.linspace(0, height - 1, ROWS).round().astype(int)
    columns = np.linspace(0, width - 1, COLUMNS).round().astype(int)
    levels = np.clip(image[np.ix_(rows, columns)], 0, 1) * (len(SHADES) - 1)
    return ["".join(SHADES[round(float(level))] for level in row) for row in levels]


def beside(images: Sequence[np.ndarray], *, captions: Sequence[str]) -> list[str]:
    """Images in a row with a caption below each, without lines that are empty in all of them."""
    rows = [GAP.join(row).rstrip() for row in zip(*map(draw, images), strict=True)]
    below = GAP.join(caption[:COLUMNS].center(COLUMNS) for caption in captions)
    return [*filter(None, rows), below.rstrip()]
