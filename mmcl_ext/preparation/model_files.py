"""Where models run, and what tells one set of weights from another."""

import hashlib
import os
from pathlib import Path

import torch


def own_device() -> str:
    """Name this process's GPU, or the CPU where there is none."""
    if not torch.cuda.is_available():
        return 'cpu'
    return f'cuda:{os.environ.get("LOCAL_RANK", "0")}'


def hash_file(path: str | os.PathLike) -> str:
    """Hash the content of a file."""
    with Path(path).open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def hash_folder(folder: str | os.PathLike) -> str:
    """Hash the names and contents of a folder's files."""
    total, folder = hashlib.sha256(), Path(folder)
    for path in sorted(path for path in folder.rglob('*') if path.is_file()):
        total.update(f'{path.relative_to(folder)} {hash_file(path)}\n'.encode())
    return total.hexdigest()
