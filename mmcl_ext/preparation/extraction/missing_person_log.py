"""Which composites have tiles without a person, remembered across interrupted runs."""

import contextlib
import json
import os
import socket
from collections.abc import Collection
from pathlib import Path

from mmcl_ext.fileio.atomic_file import write_json
from mmcl_ext.fileio.read_json import read_json

_NAME = 'without_person.json'


class MissingPersonLog:
    """Counts of the tiles without a person, in ``without_person.json`` beside the composites.

    While a run goes on, every process notes them in a file of its own, before it writes the
    image: so no image is there whose count was lost, whenever the run is killed.
    """

    def __init__(self, folder: Path) -> None:
        self._whole, self._notes = folder / _NAME, folder / f'.{_NAME}'

    def note(self, name: str, tiles: int) -> None:
        """Remember the tiles of a sample, if there are any; durable when this returns.

        Raises:
            OSError: The disk does not take it.
        """
        if not tiles:
            return
        self._notes.mkdir(exist_ok=True)
        file = self._notes / f'{socket.gethostname()}-{os.getpid()}'
        # A line begins with its break: a torn one before it spoils nothing but itself.
        line = f'\n{json.dumps([name, tiles])}\n'.encode()
        with file.open('ab') as stream:
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())

    def merge(self, names: Collection[str]) -> dict[str, int]:
        """Bring the notes of all processes into one file; no process may be noting meanwhile.

        What is known of samples that are not in ``names`` is forgotten; returns tiles by sample.

        Raises:
            OSError: A file cannot be read or written.
            ValueError: The file of an earlier run is damaged.
        """
        notes = sorted(self._notes.iterdir()) if self._notes.is_dir() else []
        counts: dict[str, int] = read_json(self._whole, dict) if self._whole.exists() else {}
        if not set(map(type, counts.values())) <= {int}:
            raise ValueError(f'{self._whole}: expected a number of tiles by sample')
        for file in notes:
            counts |= _read(file)
        counts = {name: tiles for name, tiles in sorted(counts.items()) if name in names}
        if counts:
            write_json(self._whole, counts)
        else:
            self._whole.unlink(missing_ok=True)
        for file in notes:
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # never made, or a run beside this one is noting
            self._notes.rmdir()
        return counts


def _read(file: Path) -> dict[str, int]:
    """Read notes; a line that a killed process has not finished has no image either."""
    counts = {}
    for line in file.read_text(errors='replace').splitlines():
        with contextlib.suppress(ValueError):
            if line:
                name, tiles = json.loads(line)
                counts[name] = int(tiles)
    return counts
