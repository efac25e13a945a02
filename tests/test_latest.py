"""Remembering the last result: the same answers, asked once."""

import pytest

from meshes.latest import Latest


def counting():
    asked = []

    @Latest
    def answer(*given: object, **named: object) -> list[object]:
        """Says what it was asked."""
        asked.append((given, named))
        if given == ("refuse",):
            raise ValueError("no")
        return [given, named]

    return answer, asked


def test_equal_arguments_are_answered_by_the_same_object_without_asking_again():
    answer, asked = counting()
    first = answer({"a": 1.0}, other=(2,))
    assert answer({"a": 1.0}, other=(2,)) is first
    assert len(asked) == 1
    assert answer.__doc__ == "Says what it was asked."


def test_only_the_last_result_is_kept():
    answer, asked = counting()
    answer(1), answer(2), answer(1)
    assert [given for given, _ in asked] == [(1,), (2,), (1,)]


def test_an_argument_without_equality_is_equal_to_itself_alone():
    answer, asked = counting()
    one, another = object(), object()
    answer(one), answer(one), answer(another)
    assert len(asked) == 2


def test_an_error_is_not_remembered():
    answer, asked = counting()
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            answer("refuse")
    assert len(asked) == 2
