import time
from typing import Any

import numpy as np
import pytest

from mmcl_ext.fileio.printable import bounded_repr, counted, printable


def test_printable_text_stays_and_the_rest_is_escaped() -> None:
    assert printable('clip_01_é "a"') == 'clip_01_é "a"'
    assert printable('a\nb\x1b[2J\ud800\u202e') == 'a\\nb\\x1b[2J\\ud800\\u202e'
    assert printable('x' * 201) == 'x' * 197 + '...'
    assert printable('\x1b' * 300, limit=20) == '\\x1b' * 4 + '\\...'
    assert printable('x' * 10, limit=10) == 'x' * 10


@pytest.mark.parametrize(
    'value',
    [None, True, 3, -1.5, 'a\n"', b'ab', [1, 'b'], (), (1,), {'a': [1]}, {2}, [], {}, set(), 'é'],
)
def test_small_values_look_as_in_repr(value: Any) -> None:
    assert bounded_repr(value) == (repr(value) if value != set() else '{}')


def test_large_values_are_named() -> None:
    shared: list = []
    for _ in range(100):
        shared = [shared, shared]
    start = time.perf_counter()
    assert bounded_repr(shared) == '[[[...], [...]], [[...], [...]]]'
    assert bounded_repr(10**5000) == '<integer of 16610 bits>'
    assert bounded_repr(list(range(1000))) == '[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...]'
    assert len(bounded_repr('y' * 10**7, limit=50)) == 50
    assert bounded_repr(np.zeros((3, 4))) == '<float64 array of shape (3, 4)>'
    assert bounded_repr(np.int64(3)) == '3'
    assert bounded_repr(np.zeros(2, [('a' * 9999, 'i4')])) == '<structured array of shape (2,)>'
    assert bounded_repr(object()) == '<object>'
    assert len(bounded_repr(['z' * 9999] * 9999)) == 200
    assert time.perf_counter() - start < 1


def test_a_number_stands_with_its_noun() -> None:
    assert [counted(n, 'sample') for n in (0, 1, 2)] == ['0 samples', '1 sample', '2 samples']
    assert [counted(n, 'box', 'boxes') for n in (1, 2)] == ['1 box', '2 boxes']
