import os
from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np
from mmengine.fileio import BaseStorageBackend, get_file_backend, join_path

from mmcl_ext.fileio.file_name import sample_file
from mmcl_ext.fileio.image import decode_image
from mmcl_ext.fileio.lmdb_file import check_lmdb
from mmcl_ext.fileio.name_file import name_file
from mmcl_ext.mmcl.transforms.base import SideDataTransform
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadCompositeImage(SideDataTransform):
    """Load the composite image of a sample into ``results['image']``, uint8 RGB (3, H, W).

    Args:
        img_dir: Folder with one image per sample, ``<sample_name><suffix>``. With
            the LMDB backend a prefix of the keys, usually empty.
        size: Height and width of the result. The aspect ratio is not kept.
        backend_args: Storage backend of MMEngine, such as
            ``dict(backend='lmdb', db_path='images.lmdb')``; None for files.
    """

    key = 'image'

    def __init__(
        self,
        img_dir: str | os.PathLike,
        size: tuple[int, int] = (299, 299),
        suffix: str = '.jpg',
        backend_args: Mapping[str, Any] | None = None,
    ) -> None:
        self.img_dir = os.fspath(img_dir)
        self.size = (int(size[0]), int(size[1]))
        self.suffix = suffix
        self.backend_args = None if backend_args is None else dict(backend_args)
        self._is_checked = False

    @property
    def source(self) -> str:
        """Folder, or database, of the images."""
        database = (self.backend_args or {}).get('db_path')
        return f'{database}:{self.img_dir}' if database else self.img_dir

    def load(self, sample_name: str) -> np.ndarray:
        """Read, decode and resize an image: uint8 RGB, (3, H, W)."""
        image = self.decode(sample_name)
        height, width = self.size
        if image.shape[:2] != self.size:
            shrinks = height * width < image.shape[0] * image.shape[1]
            way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            image = cv2.resize(image, (width, height), interpolation=way)
        return np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1))  # (H, W, 3) to (3, H, W)

    def decode(self, sample_name: str) -> np.ndarray:
        """Read and decode an image at its own size: uint8 BGR, (H, W, 3)."""
        path = self._path(sample_name)
        data = self._read(path)
        if data is None:
            raise FileNotFoundError(f'image of sample {sample_name!r} not found: {path}')
        with name_file(path):
            image = decode_image(data)
        if image is None:
            raise ValueError(f'image of sample {sample_name!r} cannot be decoded: {path}')
        return image

    def missing(self, sample_names: Iterable[str]) -> list[str]:
        """Tell which samples have no image."""
        if self.backend_args is None:
            found = set(os.listdir(self.img_dir)) if os.path.isdir(self.img_dir) else set()
            return [name for name in sample_names if f'{name}{self.suffix}' not in found]
        exists = getattr(self.backend, 'exists', lambda path: self._read(path) is not None)
        return [name for name in sample_names if not exists(self._path(name))]

    @property
    def backend(self) -> BaseStorageBackend:
        """Storage backend, shared within a process, since LMDB admits one handle per database."""
        arguments = self.backend_args or {}
        if not self._is_checked and arguments.get('backend') == 'lmdb':
            check_lmdb(arguments['db_path'])
        self._is_checked = True
        return get_file_backend(self.img_dir, backend_args=self.backend_args, enable_singleton=True)

    def _path(self, sample_name: str) -> str:
        name = str(sample_file('', sample_name, self.suffix))
        return join_path(self.img_dir, name, backend_args=None) if self.img_dir else name

    def _read(self, path: str) -> bytes | None:
        try:
            with name_file(self.source, Exception):  # LMDB has errors of its own
                return self.backend.get(path)
        except FileNotFoundError:
            return None

    def __repr__(self) -> str:
        return f'{type(self).__name__}(source={self.source!r}, size={self.size})'
