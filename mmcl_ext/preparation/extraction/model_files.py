"""Where models run, and what tells one set of weights from another."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def load_pretrained(auto: Any, name: str, choices: str, **settings: Any) -> Any:
    """Load a part of a model of transformers with one of its auto classes.

    A ValueError if a package that it needs is not installed; ``choices`` are models without it.
    """
    try:
        return auto.from_pretrained(name, **settings)
    except ImportError as error:
        reason = str(error)
    # Outside of `except`: the message is for the user, without transformers' traceback.
    for package in ('timm', 'torchvision', 'scipy', 'sentencepiece'):
        if package in reason.lower():
            raise ValueError(
                f'{name} needs {package}, which is not installed: pip install {package} (in the '
                f'build that fits this torch), or choose a model without it, such as {choices}'
            )
    raise ValueError(f'{name} cannot be loaded: {reason}')


def model_recipe(name: str, load_config: Callable[[], Any]) -> dict[str, object]:
    """Name a model of transformers and what tells its content.

    These are ``model``, ``revision`` (the Hub's commit, as the configuration that ``load_config``
    loads says) and ``model_hash`` (of a local folder's files). A ValueError if there is no such
    folder, and the Hub cannot be reached or lacks the model.
    """
    folder = Path(name)
    if folder.is_dir():
        model_hash = hash_folder(folder)
        return {'model': folder.resolve().name, 'revision': None, 'model_hash': model_hash}
    try:
        commit = getattr(load_config(), '_commit_hash', None)
    except OSError as error:
        reason = str(error).partition('\n')[0]
        raise ValueError(f'no folder {name!r}, nor such a model on the Hub: {reason}') from error
    return {'model': name, 'revision': commit, 'model_hash': None}
