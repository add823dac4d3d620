"""Arrays out of MATLAB files, with errors that name file and field."""

import io

import numpy as np
from scipy.io import loadmat

from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.name_file import name_file


def read_matlab_field(member: ArchiveFile, field: str) -> np.ndarray:
    """Read a numeric variable of a MATLAB file (version 5) in its stored type.

    Raises:
        ValueError: If the file is no MATLAB file, is damaged, lacks the variable, or the
            variable holds no numbers. The message names the file and the field.
    """
    data = member.read()
    with name_file(f'{member}: field {field}', Exception):  # scipy's own share no base class
        variables = loadmat(io.BytesIO(data), variable_names=[field])
    if field not in variables:
        raise ValueError(f'{member}: field {field} is missing')
    array = variables[field]
    if not isinstance(array, np.ndarray) or array.dtype.kind not in 'fiu':
        raise ValueError(f'{member}: field {field}: expected numbers, got {type(array).__name__}')
    return array
