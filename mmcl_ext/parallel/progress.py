"""Progress of a run over several processes."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TextIO

from mmcl_ext.fileio.printable import counted


class Progress:
    """Says now and then how much is done, at what rate and how long the rest will take.

    There are ``total`` things to do, of all processes together; ``count`` tells how many are done.
    Nothing is said unless ``shown``; ``stream`` None is the standard output.
    """

    def __init__(
        self,
        total: int,
        count: Callable[[], int],
        shown: bool = True,
        stream: TextIO | None = None,
    ) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._total, self._count, self._shown = total, count, shown and total > 0
        self._begin = self._last = time.monotonic()
        self._interval = 1.0 if self._stream.isatty() else 10.0

    def update(self) -> None:
        """Say it if some time has passed since the last line."""
        if self._shown and time.monotonic() - self._last >= self._interval:
            self._show('\r' if self._stream.isatty() else '\n')

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Go on saying it while this process waits for others."""
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def finish(self) -> None:
        """Say it for the last time."""
        if self._shown:
            self._show('\n')

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(0.5):
            self.update()

    def _show(self, end: str) -> None:
        begin = time.monotonic()
        done, seconds = self._count(), begin - self._begin
        rate = done / seconds if seconds else 0.0
        left = clock((self._total - done) / rate) if rate else 'unknown time'
        line = f'{done}/{counted(self._total, "sample")}, {rate:.1f}/s, {left} left'
        print(f'{line:<60}', end=end, file=self._stream, flush=True)
        self._last = time.monotonic()
        # Counting the files of a slow disk must not become the work.
        self._interval = max(self._interval, 20 * (self._last - begin))


def clock(seconds: float) -> str:
    """Write a time span as hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))
