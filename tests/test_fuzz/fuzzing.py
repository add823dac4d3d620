"""Feeding damaged files to a reader: it must succeed or fail by a documented error."""

import os
import random
import resource
import signal
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmcl_ext.graphs import layouts

SHORT_RUNS = 100
LONG_RUNS = int(os.environ.get('MMCL_EXT_FUZZ_RUNS', '100000'))
SEED = int(os.environ.get('MMCL_EXT_FUZZ_SEED', '0'))
MOST_SECONDS = 5.0
HANGS = 60.0
MOST_MEMORY = 2**30
"""Bytes by which reading damaged files, all together, may raise the peak of the process."""
MOST_BYTES = 2**20
"""Of a damaged file: repeating what was repeated makes hundreds of megabytes, of its words more."""


class Hang(BaseException):
    """Reading took longer than ``HANGS`` seconds."""


def _hang(*_: object) -> None:
    raise Hang


@dataclass(frozen=True)
class Target:
    """A reader with small files that it reads.

    Args:
        name: What is read, for messages.
        file_name: Name of the file that is written for each run.
        seeds: Contents of sound files.
        read: Opens the file and reads everything that it offers.
        mutate: Damages a content.
    """

    name: str
    file_name: str
    seeds: Sequence[bytes]
    read: Callable[[Path], None]
    mutate: Callable[[bytes, random.Random], bytes]


def outcome(target: Target, path: Path) -> str:
    """Read a file; return 'read', 'refused', or what is wrong with how it ended."""
    start = time.process_time()  # the machine may be busy
    known = dict(layouts._LAYOUTS)
    signal.signal(signal.SIGALRM, _hang)
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('error', RuntimeWarning)  # of numpy, wherever it is raised
            target.read(path)
        ended = 'read'
    except (ValueError, OSError) as error:
        text = str(error)
        ended = 'refused'
        if path.name not in text:
            ended = f'{type(error).__name__} that names no file: {text[:200]}'
        elif len(text) > 2000 or not text.isprintable():
            ended = f'{type(error).__name__} of {len(text)} characters: {text[:200]!r}'
    except (Exception, Hang) as error:
        ended = f'{type(error).__name__}: {str(error)[:200]}'
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        layouts._LAYOUTS.clear()
        layouts._LAYOUTS.update(known)
    seconds = time.process_time() - start
    return f'{ended} after {seconds:.0f} s' if seconds > MOST_SECONDS else ended


def fuzz(target: Target, folder: Path, runs: int, seed: int = SEED) -> Counter[str]:
    """Read ``runs`` damaged files and count the outcomes.

    A file that ends otherwise than by 'read' or 'refused' is kept as ``<number>-<file_name>``
    in the folder, at most ten of them.
    """
    path = folder / target.file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    outcomes: Counter[str] = Counter()
    grown = 0
    for sound in target.seeds:
        path.write_bytes(sound)
        assert outcome(target, path) == 'read', f'a seed of {target.name} cannot be read'
    for run in range(runs):
        rng = random.Random(f'{seed}-{run}')
        data = rng.choice(target.seeds)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            data = target.mutate(data, rng)[:MOST_BYTES] if data else data
        path.write_bytes(data)
        before = _peak()  # damaging takes memory, too
        ended = outcome(target, path)
        if run > 0:  # what is read for the first time imports its library
            grown += _peak() - before
        if ended not in ('read', 'refused') and len(outcomes) < 12:
            (folder / f'{run}-{path.name}').write_bytes(data)
        outcomes[ended] += 1
    if grown > MOST_MEMORY:
        outcomes[f'{grown >> 20} MiB of memory'] += 1
    return outcomes


def _peak() -> int:
    """Most memory that the process has had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def check(target: Target, folder: Path, runs: int) -> None:
    """Fail for any outcome that is not documented."""
    outcomes = fuzz(target, folder, runs)
    print(f'{target.name}: {runs} runs, {dict(outcomes.most_common(5))}')
    wrong = {ended: count for ended, count in outcomes.items() if ended not in ('read', 'refused')}
    assert not wrong, f'{target.name}, {runs} runs, files in {folder}: {wrong}'
    assert outcomes['refused'] > runs // 10, 'the mutations hardly damage anything'
