"""Check the composite images that belong to the samples of a store."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.utils import track_iter_progress

from mmcl_ext.datasets.validation.data_issue import DataIssue, collect, groups_of_equals
from mmcl_ext.fileio.image import decode_image


class _Image(NamedTuple):
    """What one file tells: its fault, or its size in pixels and a hash of its bytes."""

    fault: str | None
    size: tuple[int, int] | None = None
    digest: bytes | None = None


def check_composites(
    folder: str | os.PathLike,
    names: Sequence[str],
    suffix: str = '.jpg',
    *,
    others: Sequence[str] = (),
    threads: int = 4,
    progress: bool = False,
) -> list[DataIssue]:
    """Read the image of every sample and list what is missing, empty or doubled.

    - missing: a sample without a file.
    - empty: a file of no bytes, or an image of one colour.
    - unreadable: a file that is no image, or is cut short.
    - doubled: samples with the same file content.
    - unknown: images of another size than most, files that belong to no sample.

    The images are called ``<sample name><suffix>``; ``others`` are further samples that may have
    one. A FileNotFoundError if there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f'no folder of composites at {folder}')
    files = {entry.name for entry in os.scandir(folder) if entry.name.endswith(suffix)}
    present = [name for name in names if name + suffix in files]
    images = _look_at_all([folder / (name + suffix) for name in present], threads, progress)
    unclaimed = files - {name + suffix for name in (*names, *others)}
    digests = [image.digest for image in images]
    return [
        *collect('missing', 'no image', [name for name in names if name + suffix not in files]),
        *_faults(present, images, 'empty', 'the file has no bytes'),
        *_faults(present, images, 'empty', 'one colour only'),
        *_faults(present, images, 'unreadable', 'no image, or cut short'),
        *_odd_sizes(present, images),
        *collect('doubled', 'same image', groups_of_equals(present, digests)),
        *collect('unknown', 'a file that belongs to no sample', sorted(unclaimed)),
    ]


def _look_at_all(paths: Sequence[Path], threads: int, progress: bool) -> list[_Image]:
    with ThreadPoolExecutor(threads) as pool:
        images = pool.map(_look_at, paths)
        return list(track_iter_progress((images, len(paths))) if progress and paths else images)


def _look_at(path: Path) -> _Image:
    data = path.read_bytes()
    if not data:
        return _Image('the file has no bytes')
    # OpenCV fills what a cut JPEG lacks with grey and only writes a warning.
    whole = not data.startswith(b'\xff\xd8') or b'\xff\xd9' in data[-64:]
    try:
        image = decode_image(data) if whole else None
    except ValueError:  # too large
        image = None
    if image is None:
        return _Image('no image, or cut short')
    fault = 'one colour only' if np.ptp(image.reshape(-1, 3), axis=0).max() < 8 else None
    digest = None if fault else blake2b(data, digest_size=16).digest()
    return _Image(fault, (image.shape[1], image.shape[0]), digest)


def _faults(
    names: Sequence[str], images: Sequence[_Image], kind: str, problem: str
) -> list[DataIssue]:
    found = [n for n, image in zip(names, images, strict=True) if image.fault == problem]
    return collect(kind, problem, found)


def _odd_sizes(names: Sequence[str], images: Sequence[_Image]) -> list[DataIssue]:
    sizes = [image.size for image in images if image.size]
    if not sizes:
        return []
    usual = max(set(sizes), key=sizes.count)
    odd = [
        f'{name} ({image.size[0]}x{image.size[1]})'
        for name, image in zip(names, images, strict=True)
        if image.size not in (None, usual)
    ]
    return collect('unknown', f'another size than {usual[0]}x{usual[1]}', odd)
