"""Lists of options as frameworks accept them."""

import numpy
import pytest

from nasbridge import BackendError, Choice, Space
from nasbridge.engine.native_options import choice_of, labels_of
from nasbridge.engine.native_values import read_label


def test_each_option_of_equal_text_comes_back_as_itself() -> None:
    options = [1, "1", 1.0, True, "True", None, "None", "1 (int)", ""]
    space = Space({"x": choice_of("x", options)})
    (decision,) = space.decisions
    seen = [architecture["x"] for architecture in space.enumerate()]
    assert list(map(repr, seen)) == list(map(repr, options))
    assert [decision.meaning(read_label(decision, option)) is option for option in options]
    assert labels_of(options)[:2] == ["1 (int) #2", "1"]


def test_labels_of_ordinary_options_are_those_of_a_choice() -> None:
    options = [16, "relu", None, (3, 3), 0.5, max]
    assert tuple(labels_of(options)) == Choice(options).domain.labels


@pytest.mark.filterwarnings("default")
def test_a_repeated_option_is_searched_once_with_a_warning() -> None:
    with pytest.warns(
        UserWarning, match=r"the options 'no', \[1\] of 'x' are given more than once"
    ):
        choice = choice_of("x", ["no", "no", "yes", [1], [1], [True], float("nan")])
    assert list(choice.options) == ["no", "yes", "[1]", "[True]", "nan"]


def test_an_array_is_an_option() -> None:
    choice = choice_of("x", [numpy.zeros(2), numpy.ones(2)])
    assert len(choice.options) == 2
    (decision,) = Space({"x": choice}).decisions
    assert [read_label(decision, option) for option in decision.options] == [*choice.options]
    with pytest.raises(ValueError, match="is not one of"):
        read_label(decision, numpy.full(2, 3.0))


def test_an_error_of_a_declaration_names_the_parameter() -> None:
    with pytest.raises(BackendError, match="the parameter 'x' cannot be searched: a choice has no"):
        choice_of("x", [])
