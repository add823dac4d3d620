"""Work on many items in several processes."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import cv2


def run_parallel(
    work: Callable[[Any], Any], items: Sequence[Any], jobs: int, chunk: int = 8
) -> Iterator[Any]:
    """Yield the results of ``work`` (picklable) in the order of the items.

    With one job the main process works itself; else the processes get ``chunk`` items at a time and
    end with the main one, also when that is killed. At an error or an interrupt nothing more is
    begun. A ChildProcessError if a process was killed, for its use of memory perhaps.
    """
    if jobs <= 1 or len(items) <= 1:
        yield from map(work, items)
        return
    threads = cv2.getNumThreads()
    # The processes are the parallelism. Set before the fork: OpenCV in a child would wait for
    # threads that the parent had started and the child does not have.
    cv2.setNumThreads(1)
    executor = ProcessPoolExecutor(
        min(jobs, len(items)),
        # Linux's habit, whatever Python's default: other ways import this package in every worker.
        mp_context=multiprocessing.get_context('fork'),
        initializer=_start,
        initargs=(work, os.getpid()),
    )
    try:
        yield from executor.map(_call, items, chunksize=chunk)
    except BrokenProcessPool as error:
        raise ChildProcessError(
            'a process was killed or ran out of memory; what is done is kept'
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)
        cv2.setNumThreads(threads)


_work: Callable[[Any], Any] | None = None  # of this worker process


def _start(work: Callable[[Any], Any], parent: int) -> None:
    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """Do not outlive a main process that was killed: nobody would send the stop signal."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _call(item: Any) -> Any:
    assert _work is not None
    return _work(item)
