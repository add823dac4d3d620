"""Rows of an array inside an ``.npz`` archive, without loading the whole."""

import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

_LOCAL_HEADER = 30  # bytes, before the name and the extra field


class NpzArray:
    """An array of an ``.npz`` archive that is read row by row.

    An array that ``numpy.savez`` wrote lies in the file as it is and is read at any
    place. One of ``numpy.savez_compressed`` has to be unpacked from its beginning: read
    it in ascending order.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no archive, lacks the array, or the array holds Python objects.
    """

    def __init__(self, path: str | os.PathLike, key: str) -> None:
        self._path, self._key = Path(path), key
        try:
            with zipfile.ZipFile(path) as archive, archive.open(f'{key}.npy') as file:
                self.shape, self.dtype = _read_header(file)
                self._data = file.tell()  # where the array begins, within the member
                self._member = archive.getinfo(f'{key}.npy')
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError) as error:
            raise ValueError(f'{path}: array {key}: {error}') from error
        self.compressed = self._member.compress_type != zipfile.ZIP_STORED
        self._row = self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64))
        self._stream: IO[bytes] | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getstate__(self) -> dict:
        return self.__dict__ | dict(_stream=None)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Read the rows from ``start`` to ``stop`` (exclusive).

        Raises:
            IndexError: There are not so many rows.
            ValueError: The file ends before.
        """
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f'{self._path}: array {self._key} has {len(self)} rows, not {stop}')
        size = (stop - start) * self._row
        data = self._unpack(start, size) if self.compressed else self._pread(start, size)
        if len(data) != size:
            raise ValueError(f'{self._path}: array {self._key} is cut short in row {start}')
        return np.frombuffer(data, self.dtype).reshape(stop - start, *self.shape[1:])

    def _pread(self, start: int, size: int) -> bytes:
        with self._path.open('rb') as file:
            file.seek(self._member.header_offset)
            name, extra = struct.unpack('<26xHH', file.read(_LOCAL_HEADER))
            file.seek(name + extra + self._data + start * self._row, os.SEEK_CUR)
            return file.read(size)

    def _unpack(self, start: int, size: int) -> bytes:
        if self._stream is None:
            archive = zipfile.ZipFile(self._path)
            self._stream = archive.open(self._member)
        try:
            self._stream.seek(self._data + start * self._row)
            return self._stream.read(size)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ValueError(f'{self._path}: array {self._key}: {error}') from error


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f'version {version} of the format is not known')
    shape, fortran_order, dtype = read(file)
    if dtype.hasobject or (fortran_order and len(shape) > 1):
        raise ValueError(f'cannot be read by rows: {dtype}, fortran_order={fortran_order}')
    return shape, dtype
