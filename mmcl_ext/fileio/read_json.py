"""Reading of JSON files."""

import json
import os
from pathlib import Path
from typing import Any, TypeVar, overload

from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.printable import bounded_repr

_T = TypeVar('_T')


@overload
def read_json(source: str | os.PathLike | ArchiveFile) -> Any: ...
@overload
def read_json(source: str | os.PathLike | ArchiveFile, kind: type[_T]) -> _T: ...
def read_json(source: str | os.PathLike | ArchiveFile, kind: type = object) -> Any:
    """Read a JSON file, or one inside an archive, whose content is of this kind.

    A ValueError names the file if it is damaged, nested too deeply, or holds something else.
    """
    data = source.read() if isinstance(source, ArchiveFile) else Path(source).read_bytes()
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{source}: no JSON that can be read: {error}') from error
    if not isinstance(content, kind):
        raise ValueError(f'{source}: expected a {kind.__name__}, got {bounded_repr(content)}')
    return content
