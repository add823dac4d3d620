"""Progress of many runs on the terminal."""

import sys
import time
from collections.abc import Sequence

from mmcl_ext.ablation.run import Run

_QUIET_INTERVAL = 60.0
"""Seconds between two lines where the output is no terminal."""


class RunProgress:
    """Tells how many of ``total`` runs are done, what is at work and how long the rest will take.

    The estimate takes every epoch of every run as equally long. On a terminal one line is
    written over and over, elsewhere a line a minute; ``each_epoch`` adds a line an epoch.
    """

    def __init__(self, pending: Sequence[Run], total: int, each_epoch: bool = False) -> None:
        self._total, self._done = total, total - len(pending)
        self._left = {run.key: float(run.epochs) for run in pending}
        self._begun = {run.key: run.epoch for run in pending}
        self._told = {run.key: len(run.ended_epochs()) for run in pending if each_epoch}
        self._failures = 0
        self._began = self._shown = time.monotonic()
        self._work = 0.0
        self._terminal = sys.stderr.isatty()
        self._width = 0

    def finished(self, run: Run) -> None:
        """Note and tell that a run is done."""
        self._drop(run)
        top1 = run.result['metrics'].get('acc/top1')
        accuracy = '' if top1 is None else f', top-1 {100 * top1:.2f} %'
        self.say(f'{run}: done{accuracy}')

    def failed(self, run: Run, reason: str) -> None:
        """Note and tell that a run has failed."""
        self._drop(run)
        self._failures += 1
        self.say(f'{run}: FAILED, {reason}')

    def tell_epochs(self, run: Run) -> None:
        """Print a line for each epoch that has ended since the last call, if lines are wanted."""
        if run.key in self._told:
            for line in run.ended_epochs()[self._told[run.key] :]:
                self.say(f'{run.variant.title}: {line}')
                self._told[run.key] += 1

    def say(self, text: str) -> None:
        """Print a line for good."""
        self.close()
        print(text, file=sys.stderr, flush=True)

    def show(self, working: Sequence[Run]) -> None:
        """Print where things stand, if it is time to."""
        now = time.monotonic()
        if now - self._shown < (1.0 if self._terminal else _QUIET_INTERVAL):
            return
        self._shown = now
        text = self._line(working)
        if self._terminal:
            print(f'\r{text.ljust(self._width)}', end='', file=sys.stderr, flush=True)
            self._width = len(text)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Wipe the line that is written over."""
        if self._width:
            print(f'\r{" " * self._width}\r', end='', file=sys.stderr, flush=True)
            self._width = 0

    def _drop(self, run: Run) -> None:
        self._done += 1
        self._work += self._left.pop(run.key, 0.0) - self._begun.get(run.key, 0)

    def _line(self, working: Sequence[Run]) -> str:
        at = {run.key: run.epoch for run in working}
        now = ', '.join(f'{run} (epoch {at[run.key]}/{run.epochs})' for run in working)
        done = self._work + sum(epoch - self._begun.get(key, 0) for key, epoch in at.items())
        left = sum(n - at.get(key, self._begun[key]) for key, n in self._left.items())
        seconds = time.monotonic() - self._began
        rest = f'{_duration(seconds / done * left)} left' if done > 0 else 'time left unknown'
        failed = f', {self._failures} failed' * bool(self._failures)
        return f'{self._done}/{self._total} runs{failed}; {now}; {rest}'


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f'{minutes // 60} h {minutes % 60:02} min' if minutes >= 60 else f'{minutes} min'
