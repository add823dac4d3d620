"""Small files that are whole or absent."""

import json
import os
from pathlib import Path
from typing import Any

from mmcl_ext.atomic_file import write_bytes


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file.

    Raises:
        OSError: The file cannot be written; an older one is left as it was.
    """
    write_bytes(path, text.encode())


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Write a JSON file, see :func:`write_text`."""
    write_text(path, json.dumps(content, indent=1) + '\n')


def read_json(path: str | os.PathLike) -> dict[str, Any]:
    """Read a JSON object; an absent or unreadable file gives an empty one."""
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
