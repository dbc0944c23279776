"""The templates get right what is easily got wrong, and each check finds what it is there for."""

import copy

import pytest

import pitfalls
import stacks

NAMES = [check.__name__ for check, _ in pitfalls.PITFALLS]


@pytest.fixture(scope="module")
def templates() -> pitfalls.Stacks:
    return stacks.all_parsed()


@pytest.mark.parametrize("check", [check for check, _ in pitfalls.PITFALLS], ids=NAMES)
def test_holds(templates, check):
    assert list(check(templates)) == []


@pytest.mark.parametrize(("check", "breaks"), pitfalls.PITFALLS, ids=NAMES)
def test_is_noticed(templates, check, breaks):
    broken = copy.deepcopy(templates)
    breaks(broken)
    assert list(check(broken)) != []
