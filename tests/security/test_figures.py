"""A suite that looked at nothing has shown nothing."""

from __future__ import annotations

from e2e.security.figures import at_most, none_of, table


def test_a_figure_needs_something_to_look_at() -> None:
    assert none_of("leaks", [], of=5, least=5).met
    assert not none_of("leaks", [], of=4, least=5).met
    assert not none_of("leaks", ["one"], of=5, least=5).met
    assert at_most("pairs", 3, budget=3).met
    assert not at_most("pairs", 4, budget=3).met


def test_the_table_says_what_is_wrong() -> None:
    leaks = [f"leak {number}" for number in range(20)]
    text = table([none_of("leaks", leaks, of=20), at_most("a", 1, budget=2)])
    assert "leaks  | 0 of ≥ 1 | 20 of 20 | NO" in text
    assert "leak 0" in text
    assert "and 8 more" in text
    assert "a      | ≤ 2      | 1        | yes" in text
