"""Calls in a process of their own, which bad data may kill without harm to this one."""

import multiprocessing
import multiprocessing.forkserver
import resource
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from mmcl_ext.fileio.printable import printable

# Processes are forked from a server that holds no data of this one: neither its threads and
# locks nor what it knows of other users.
_CONTEXT = multiprocessing.get_context('forkserver')
_START_SECONDS = 300.0  # the first process waits for the imports of the server
_END_SECONDS = 10.0  # between the end of the pipe and that of the process
_TOO_LONG = 'reading took more than {:g} s'
_DONE, _FAILED = b'+', b'!'


@dataclass(frozen=True)
class ProcessLimits:
    """What a call may use.

    ``seconds`` count from when the call begins, ``memory`` in bytes comes on top of what the
    process has then, ``result`` is in bytes.
    """

    seconds: float = 20.0
    memory: int = 512 * 2**20
    result: int = 2**30


def start_process_server(*modules: str) -> None:
    """Start the server of the processes, which imports modules once for all calls."""
    _CONTEXT.set_forkserver_preload(list(modules))
    multiprocessing.forkserver.ensure_running()


def call_limited(work: Callable[..., bytes], *args: object, limits: ProcessLimits) -> bytes:
    """Return the bytes that ``work(*args)`` makes in a process of its own.

    Only bytes come back: nothing of the process is unpickled here. ``work`` is a function of a
    module, ``args`` can be pickled. The limit of memory holds on Linux. A ValueError if it raised
    an error, with the message of that; a ChildProcessError if it used too much, or the process
    crashed.
    """
    start_process_server(work.__module__)  # unless it runs already
    receiver, sender = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_run, args=(sender, work, args, limits), daemon=True)
    process.start()
    sender.close()
    try:
        _receive(receiver, _START_SECONDS, 0)
        answer = _receive(receiver, limits.seconds, 1 + limits.result)
    except EOFError:
        process.join(_END_SECONDS)
        if process.exitcode == -signal.SIGXCPU:  # before this process, on a busy machine, looked
            raise ChildProcessError(_TOO_LONG.format(limits.seconds)) from None
        raise ChildProcessError('reading used too much memory or crashed') from None
    finally:
        process.kill()
        process.join()
        receiver.close()
    if answer[:1] == _FAILED:
        raise ValueError(answer[1:].decode())
    return answer[1:]


def _receive(receiver: Connection, seconds: float, limit: int) -> bytes:
    if not receiver.poll(seconds):
        raise ChildProcessError(_TOO_LONG.format(seconds))
    try:
        return receiver.recv_bytes(limit)
    except OSError:
        raise ChildProcessError(f'reading made more than {limit / 2**20:.1f} MiB') from None


def _run(
    sender: Connection, work: Callable[..., bytes], args: Sequence[object], limits: ProcessLimits
) -> None:
    memory = _data_size() + limits.memory
    # Also where the caller was killed; RLIMIT_CPU counts what the imports have taken, too.
    seconds = int(time.process_time() + limits.seconds) + 1
    for kind, limit, end in (
        (resource.RLIMIT_DATA, memory, memory),
        (resource.RLIMIT_CPU, seconds, seconds + 1),  # at the end comes SIGKILL, which says less
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(kind, (limit, end))
    sender.send_bytes(b'')
    try:
        answer = _DONE + work(*args)
    except MemoryError:
        answer = _FAILED + f'needs more than {limits.memory // 2**20} MiB of memory'.encode()
    except Exception as error:  # hostile bytes may raise any type
        reason = str(error) or type(error).__name__
        answer = _FAILED + printable(reason, 1000).encode()
    sender.send_bytes(answer)


def _data_size() -> int:
    """Return the bytes of this process that RLIMIT_DATA counts, 0 where that is unknown."""
    path = Path('/proc/self/statm')
    return int(path.read_text().split()[5]) * resource.getpagesize() if path.is_file() else 0
