"""Calls that may crash, take too long or too much memory."""

import os
import signal
import time

import pytest

from mmcl_ext.parallel.limited_process import (
    ProcessLimits,
    call_limited,
    start_process_server,
)

LIMITS = ProcessLimits(seconds=20, memory=64 * 2**20, result=1000)


@pytest.fixture(scope='module', autouse=True)
def _server():
    """Start the one server of this process with what the tests of the web page need."""
    start_process_server('mmcl_ext.web.video_uploads')


def joined(*parts: bytes) -> bytes:
    return b''.join(parts)


def fail(text: str) -> bytes:
    raise KeyError(text)


def crash() -> bytes:
    os.abort()


def sleep() -> bytes:
    time.sleep(60)
    return b''


def overrun() -> bytes:
    os.kill(os.getpid(), signal.SIGXCPU)  # as the system does at the limit of processor time
    return b''


def fill(size: int) -> bytes:
    return b'x' * size


def test_bytes_come_back():
    assert call_limited(joined, b'a', b'b', limits=LIMITS) == b'ab'


def test_imports_do_not_count():
    assert call_limited(joined, b'a', limits=LIMITS) == b'a'  # the server runs without the module
    from busy_import import work

    assert call_limited(work, limits=ProcessLimits(seconds=0.5)) == b'done'


@pytest.mark.parametrize(
    ('work', 'args', 'limits', 'kind', 'text'),
    [
        (fail, ('the\nreason',), LIMITS, ValueError, 'the.*reason'),
        (crash, (), LIMITS, ChildProcessError, 'crashed'),
        (sleep, (), ProcessLimits(seconds=0.2), ChildProcessError, r'more than 0\.2 s'),
        (overrun, (), LIMITS, ChildProcessError, 'took more than 20 s'),
        (fill, (2**30,), LIMITS, ValueError, 'more than 64 MiB of memory'),
        (fill, (5000,), LIMITS, ChildProcessError, 'made more than'),
    ],
)
def test_what_goes_wrong_ends_only_the_process(work, args, limits, kind, text):
    with pytest.raises(kind, match=text):
        call_limited(work, *args, limits=limits)
    assert call_limited(joined, b'ok', limits=LIMITS) == b'ok'
