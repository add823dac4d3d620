"""Reading of annotation pickles without running what they say.

A pickle is a program: the ordinary loader calls any function the file names.
:func:`load_pickle` knows a handful of names, see :mod:`mmcl_ext.fileio.pickle_types`.
"""

import mmap
import os
import pickle
from typing import Any

from mmcl_ext.fileio.pickle_scan import scan_pickle
from mmcl_ext.fileio.pickle_types import PLAIN, unwrap
from mmcl_ext.fileio.printable import printable


def load_pickle(path: str | os.PathLike) -> Any:
    """Load a pickle that holds arrays, numbers, strings and plain containers.

    Tensors of PyTorch come back as numpy arrays, bfloat16 ones as float32.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no pickle, is damaged, or asks for anything else.
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
    """Resolves the admitted names to stand-ins and refuses all others."""

    def find_class(self, module: str, name: str) -> object:
        try:
            return PLAIN[f'{module}.{name}']
        except KeyError:
            raise pickle.UnpicklingError(
                f'refused {module}.{name}: only arrays and plain containers are admitted'
            ) from None
