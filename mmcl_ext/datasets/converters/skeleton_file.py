"""Raw ``.skeleton`` files of NTU RGB+D."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.name_file import names_file

_NUM_JOINTS = 25
_HEADER_FIELDS = 10
_JOINT_FIELDS = 12
_LARGEST = float(np.finfo(np.float32).max)
_T = TypeVar('_T')


@dataclass(frozen=True)
class Recording:
    """All bodies of all frames, in the order of the file; B of them together.

    The file declares ``num_frames``, with bodies or without. A body stands in a ``frame``, int64
    (B,), counted from 0, in a ``slot`` (B,) among its bodies, and has a tracking identity.
    ``joints`` (B, V=25, C=3) are metres, float32: x to the camera's right, y up, z away from it;
    ``pixels`` (B, V=25, 2) are theirs in the 1920 x 1080 colour image, NaN where the sensor gave
    none, and are there only where they were asked for.
    """

    num_frames: int
    frame: np.ndarray
    slot: np.ndarray
    body_id: tuple[str, ...]
    joints: np.ndarray
    pixels: np.ndarray | None = None


@names_file
def read_skeleton_file(member: ArchiveFile, with_pixels: bool = False) -> Recording:
    """Read one file; the places in the colour image only if they are asked for.

    The format: the number of frames; then for each frame the number of bodies, and for
    each body a line of 10 fields that begins with its identity, the number of joints
    and a line of 12 fields per joint, which begins with x, y and z; the sixth and seventh
    are its place in the colour image. A ValueError names file and line.
    """
    lines = _Lines(member)
    convert = _xyz_uv if with_pixels else _xyz
    num_frames = lines.count('the number of frames')
    frame, slot, body_id, joints = [], [], [], []
    for t in range(num_frames):
        for m in range(lines.count('the number of bodies')):
            frame.append(t)
            slot.append(m)
            body_id.append(lines.fields('a body', _HEADER_FIELDS)[0].decode())
            joints.append(_read_joints(lines, convert))
    lines.finish()
    values = np.array(joints, np.float32).reshape(-1, _NUM_JOINTS, 5 if with_pixels else 3)
    return Recording(
        num_frames=num_frames,
        frame=np.array(frame, np.int64),
        slot=np.array(slot, np.int64),
        body_id=tuple(body_id),
        joints=np.ascontiguousarray(values[..., :3]),
        pixels=np.ascontiguousarray(values[..., 3:]) if with_pixels else None,
    )


def _read_joints(
    lines: '_Lines', convert: Callable[[list[bytes]], tuple[float, ...]]
) -> list[tuple[float, ...]]:
    if lines.count('the number of joints') != _NUM_JOINTS:
        raise lines.error(f'expected {_NUM_JOINTS} joints')
    return [lines.parse('a joint', _JOINT_FIELDS, convert) for _ in range(_NUM_JOINTS)]


def _xyz(fields: list[bytes]) -> tuple[float, float, float]:
    x, y, z = float(fields[0]), float(fields[1]), float(fields[2])
    if not abs(x) + abs(y) + abs(z) < _LARGEST:
        raise ValueError('coordinates are not finite')
    return x, y, z


def _xyz_uv(fields: list[bytes]) -> tuple[float, ...]:
    u, v = float(fields[5]), float(fields[6])
    seen = abs(u) + abs(v) < _LARGEST
    return *_xyz(fields), *((u, v) if seen else (np.nan, np.nan))


class _Lines:
    """The lines of a file, read one after the other."""

    def __init__(self, member: ArchiveFile) -> None:
        self._member = member
        self._lines = member.read().rstrip().split(b'\n')
        self._position = 0

    def count(self, what: str) -> int:
        """Read a line with one number, not negative."""
        number = self.parse(what, 1, lambda fields: int(fields[0]))
        if number < 0:
            raise self.error(f'expected {what}')
        return number

    def parse(self, what: str, num_fields: int, convert: Callable[[list[bytes]], _T]) -> _T:
        """Read a line and convert its fields."""
        fields = self.fields(what, num_fields)
        try:
            return convert(fields)
        except ValueError as error:
            raise self.error(f'expected {what}: {error}') from error

    def fields(self, what: str, num_fields: int) -> list[bytes]:
        """Read a line with this many fields."""
        if self._position == len(self._lines):
            raise ValueError(
                f'{self._member}, line {self._position + 1}: expected {what}, the file ends here'
            )
        fields = self._lines[self._position].split()
        self._position += 1
        if len(fields) != num_fields:
            raise self.error(f'expected {what} in {num_fields} fields, found {len(fields)}')
        return fields

    def error(self, problem: str) -> ValueError:
        """Make the error for the line read last."""
        text = self._lines[self._position - 1][:60].decode('ascii', 'replace').strip()
        return ValueError(f'{self._member}, line {self._position}: {problem}, got {text!r}')

    def finish(self) -> None:
        """Check that nothing is left."""
        if self._position < len(self._lines):
            self._position += 1
            raise self.error('expected the end of the file')
