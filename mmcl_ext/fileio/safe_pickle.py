import mmap
import os
import pickle
from typing import Any

from mmcl_ext.fileio.pickle_scan import scan_pickle
from mmcl_ext.fileio.pickle_types import PLAIN, unwrap
from mmcl_ext.fileio.printable import printable


def load_pickle(path: str | os.PathLike) -> Any:
    """Load a pickle of arrays, numbers, strings and plain containers, without running it.

    A pickle is a program: the ordinary loader calls any function the file names. This one knows a
    handful of names, see :mod:`mmcl_ext.fileio.pickle_types`; anything else is a ValueError.
    Tensors of PyTorch come back as numpy arrays, bfloat16 ones as float32.
    """
    with open(path, 'rb') as file:
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                scan_pickle(data)
            return unwrap(_PlainUnpickler(file).load())
        except Exception as error:  # hostile bytes may raise any type
            reason = printable(str(error) or type(error).__name__)
            text = f'{os.fspath(path)}: cannot be read as plain data: {reason}'
            raise ValueError(text) from error


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        try:
            return PLAIN[f'{module}.{name}']
        except KeyError:
            raise pickle.UnpicklingError(
                f'refused {module}.{name}: only arrays and plain containers are admitted'
            ) from None
