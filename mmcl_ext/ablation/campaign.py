"""Carry out the runs of an ablation, some at a time."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from mmcl_ext.ablation.declaration import Step
from mmcl_ext.ablation.run import Launch, Run, Stage, last_line
from mmcl_ext.fileio.lock import locked

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


_PR_SET_PDEATHSIG = 1
_PATIENCE = 10.0
"""Seconds to wait for a folder that another process works in."""

_GRACE = 30.0
"""Seconds that a training may take to end after a signal."""

_NOTED_EVERY = 60.0
"""Seconds after which the time that a process has taken is noted, should this one be killed."""


class Process:
    """A child process in a session of its own, whose output is added to the file ``log``.

    Ctrl-C reaches the parent alone, which then ends its children in order; on Linux a child is
    told to end, too, where its parent is killed. The child keeps the descriptor ``lock`` open;
    ``environment`` adds to the parent's variables.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        lock: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.began = time.monotonic()
        self._log: IO[bytes] = log.open('ab')
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=() if lock is None else (lock,),
            env={**os.environ, **(environment or {})},
            preexec_fn=_end_with_parent,
        )

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.began

    def poll(self) -> int | None:
        """Exit status, None while it runs."""
        status = self._child.poll()
        if status is not None:
            self._log.close()
        return status

    def end(self) -> None:
        """Ask the process to end, and kill its group if it does not."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(_GRACE)
            except subprocess.TimeoutExpired:
                os.killpg(self._child.pid, signal.SIGKILL)
                self._child.wait()
        self._log.close()


@dataclass
class Campaign:
    """Carries out runs; what is finished is not done again.

    A run that fails is recorded and the others go on. Logs of preparing steps go to the folder
    ``logs``; commit, hardware and versions (``where``) are recorded with each result; the processes
    of each of the ``jobs`` get the variables of its ``environments``.
    """

    runs: Sequence[Run]
    launch: Launch
    logs: Path
    where: Mapping[str, str]
    jobs: int = 1
    environments: Sequence[Mapping[str, str]] = ()
    on_change: Callable[[], None] = lambda: None
    each_epoch: bool = False
    failures: dict[str, str] = field(default_factory=dict)

    def execute(self) -> dict[str, str]:
        """Run what is left, and return for each run that failed the reason."""
        distinct = list({run.key: run for run in self.runs}.values())
        pending = [run for run in distinct if not run.result]
        self._progress = RunProgress(pending, len(distinct), self.each_epoch)
        pending = self._prepare(pending)
        slots: list[_Slot | None] = [None] * self.jobs
        try:
            while pending or any(slots):
                for i, slot in enumerate(slots):
                    busy = {other.run.training_key for other in slots if other}
                    slots[i] = self._advance(i, slot, pending, busy)
                self._progress.show([slot.run for slot in slots if slot])
                time.sleep(0.2)
        finally:
            for slot in slots:
                if slot:
                    slot.end()
            self._progress.close()
        return self.failures

    def _prepare(self, pending: list[Run]) -> list[Run]:
        """Make what the pending runs need; leave out those that cannot be prepared."""
        failed: dict[Step, str] = {}
        steps = list(dict.fromkeys(step for run in pending for step in run.variant.prepare))
        for number, step in enumerate(steps):
            if not Path(step.makes).exists():
                reason = self._make(step, self.logs / f'{number:02}-{Path(step.makes).stem}.log')
                if reason:
                    failed[step] = reason
        for run in pending:
            lacking = next((step for step in run.variant.prepare if step in failed), None)
            if lacking is not None:
                self._fail(run, f'{lacking.makes} could not be made: {failed[lacking]}')
        return [run for run in pending if not failed.keys() & set(run.variant.prepare)]

    def _make(self, step: Step, log: Path) -> str:
        self._progress.say(f'making {step.makes} (log: {log})')
        process = Process(self.launch.tool(*step.command), log, environment=self._environment(0))
        try:
            while process.poll() is None:
                time.sleep(0.2)
        finally:
            process.end()
        if process.poll():
            return last_line(log)
        return '' if Path(step.makes).exists() else 'the command ended well but did not make it'

    def _advance(
        self, index: int, slot: '_Slot | None', pending: list[Run], busy: Collection[str]
    ) -> '_Slot | None':
        """Look after one place: start a run, or its next stage, or leave it alone.

        A run whose training is at work for another one, in ``busy``, waits to share it.
        """
        if slot is None:
            free = next((run for run in pending if run.training_key not in busy), None)
            if free is None:
                return None
            pending.remove(free)
            return self._begin(index, free)
        status = slot.process.poll()
        self._progress.tell_epochs(slot.run)
        if status is None:
            if slot.seconds >= _NOTED_EVERY:
                slot.note_time()
            return slot
        slot.run.finish(slot.stage, status, slot.seconds, self.where)
        if slot.run.failure:
            self._fail(slot.run, slot.run.failure)
            slot.lock.close()
            return None
        return self._next(index, slot.run, slot.lock, slot.descriptor)

    def _begin(self, index: int, run: Run) -> '_Slot | None':
        lock = ExitStack()
        try:
            descriptor = lock.enter_context(locked(run.folder, _PATIENCE))
        except BlockingIOError:
            self._fail(run, f'another process works in {run.folder}')
            return None
        return self._next(index, run, lock, descriptor)

    def _next(self, index: int, run: Run, lock: ExitStack, descriptor: int) -> '_Slot | None':
        try:
            stage = run.next_stage()
        except (ValueError, OSError) as error:
            self._fail(run, str(error))
            stage = None
        if stage is None:
            lock.close()
            if run.result:
                self._progress.finished(run)
            self.on_change()
            return None
        process = Process(stage.command, stage.log, descriptor, self._environment(index))
        return _Slot(run, stage, process, lock, descriptor)

    def _environment(self, index: int) -> Mapping[str, str]:
        return self.environments[index] if index < len(self.environments) else {}

    def _fail(self, run: Run, reason: str) -> None:
        self.failures[str(run)] = reason
        self._progress.failed(run, reason)
        self.on_change()


@dataclass
class _Slot:
    """A run at work."""

    run: Run
    stage: Stage
    process: Process
    lock: ExitStack
    descriptor: int
    noted: float = 0.0

    @property
    def seconds(self) -> float:
        """Time that the process has taken and that is not noted yet."""
        return self.process.seconds - self.noted

    def note_time(self) -> None:
        """Add the time to what the run has taken."""
        seconds = self.seconds
        self.run.spend(self.stage, seconds)
        self.noted += seconds

    def end(self) -> None:
        """End its process; the time that it has taken is kept."""
        self.process.end()
        self.note_time()
        self.lock.close()


def _end_with_parent() -> None:
    """Let the kernel tell this process to end when its parent dies (Linux)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


_LIBC = ctypes.CDLL(None) if sys.platform == 'linux' else None
