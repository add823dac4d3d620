"""Small files that are whole or absent."""

import json
import os
from pathlib import Path
from typing import Any


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a file through a temporary one beside it, which is then renamed.

    Args:
        path: The file.
        text: Its content.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    with temporary.open('w', encoding='utf-8') as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Write a JSON file in the same way."""
    write_text(path, json.dumps(content, indent=1) + '\n')


def read_json(path: str | os.PathLike) -> dict[str, Any]:
    """Read a JSON object; an absent or unreadable file gives an empty one."""
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
