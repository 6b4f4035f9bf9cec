"""Digits as text."""

import numpy as np

from e2e.demo.drawing import COLUMNS, GAP, ROWS, SHADES, beside, draw


def test_dark_and_bright_corners() -> None:
    image = np.zeros((28, 28))
    image[:14, :14] = 1.0
    drawn = draw(image)
    assert [len(line) for line in drawn] == [COLUMNS] * ROWS
    assert drawn[0].startswith(SHADES[-1])
    assert drawn[0].endswith(SHADES[0])
    assert drawn[-1].strip() == ""


def test_every_shade_from_empty_to_full() -> None:
    assert set(draw(np.tile(np.linspace(0, 1, COLUMNS), (ROWS, 1)))[0]) == set(SHADES)


def test_values_beyond_the_range_are_the_ends_of_it() -> None:
    assert set("".join(draw(np.full((28, 28), 7.0)))) == {SHADES[-1]}
    assert set("".join(draw(np.full((28, 28), -7.0)))) == {SHADES[0]}


def test_images_beside_each_other_fit_a_terminal() -> None:
    images = [np.ones((28, 28))] * 4
    lines = beside(images, captions=["3 (100%)", "1", "a caption that is much too long", "7"])
    assert len(lines) == ROWS + 1
    assert lines[0] == GAP.join([SHADES[-1] * COLUMNS] * 4)
    assert max(map(len, lines)) <= 80
    assert "3 (100%)" in lines[-1]
