"""Published models as repositories of Hugging Face: a folder with weights, description, card."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmcl_ext.checkpoints.model_card import model_card
from mmcl_ext.checkpoints.publish import publish
from mmcl_ext.fileio.atomic_file import write_bytes
from mmcl_ext.fileio.zoo import PREFIX, find_in_zoo

WEIGHTS, DESCRIPTION, CARD = 'model.safetensors', 'config.json', 'README.md'


def to_hub(
    model: str | os.PathLike,
    folder: str | os.PathLike,
    repo_id: str | None = None,
    *,
    checkpoint: str | os.PathLike | None = None,
    **recipe: Any,
) -> Path:
    """Write a model as a repository of Hugging Face and, with ``repo_id``, upload it.

    The folder gets ``model.safetensors``, the published file; ``config.json``, its description for
    readers; and ``README.md``, its card, whose front matter has the metrics as ``model-index``.
    Other files of the folder stay and are not uploaded.

    Args:
        model: Published file, ``zoo:NAME``, or the configuration of a training.
        repo_id: ``USER/NAME``, created if it is not there; needs ``huggingface_hub`` and a login.
        checkpoint: Checkpoint, where ``model`` is a configuration.
        recipe: What else the description says of the origin: ``license``, ``metrics``.

    Raises:
        ValueError: The model cannot be published.
        OSError: The upload has failed.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    published = publish(model, checkpoint, folder / WEIGHTS, recipe)
    os.replace(published.path, folder / WEIGHTS)
    card = model_card(published.info, repo_id or folder.resolve().name, published.sha256)
    write_bytes(folder / DESCRIPTION, published.info.to_json(indent=2).encode())
    write_bytes(folder / CARD, card.encode())
    if repo_id is not None:
        hub = _hub()
        with _hub_errors(repo_id):
            api = hub.HfApi()
            api.create_repo(repo_id, exist_ok=True)
            files = [WEIGHTS, DESCRIPTION, CARD]
            api.upload_folder(repo_id=repo_id, folder_path=folder, allow_patterns=files)
    return folder


def from_hub(repository: str | os.PathLike, revision: str | None = None) -> Path:
    """Return the published file of a folder that :func:`to_hub` has written, or of ``USER/NAME``.

    The latter is downloaded once, at a branch, tag or commit (``revision``), and kept in the cache
    of ``huggingface_hub``. A FileNotFoundError if the folder has no ``model.safetensors``, an
    OSError if the download fails.
    """
    folder = Path(repository)
    if folder.is_dir():
        if not (folder / WEIGHTS).is_file():
            raise FileNotFoundError(f'{folder} has no {WEIGHTS}')
        return folder / WEIGHTS
    name = os.fspath(repository)
    hub = _hub()
    with _hub_errors(name):
        return Path(hub.hf_hub_download(name, WEIGHTS, revision=revision))


def find_pretrained(name: str | os.PathLike) -> str:
    """Return the file of a zoo's model, a folder, a published file or ``USER/NAME``, by its name.

    A FileNotFoundError if the name is none of them.
    """
    text = os.fspath(name)
    if Path(text).is_dir():
        return str(from_hub(text))
    if Path(text).is_file() or text.startswith(PREFIX):
        return find_in_zoo(text)
    if text.count('/') == 1 and not Path(text).suffix:
        return str(from_hub(text))
    return find_in_zoo(PREFIX + text)


def _hub() -> Any:
    try:
        import huggingface_hub
    except ModuleNotFoundError as error:
        problem = 'repositories of Hugging Face need huggingface_hub: pip install huggingface_hub'
        raise ModuleNotFoundError(problem) from error
    return huggingface_hub


@contextmanager
def _hub_errors(name: str) -> Iterator[None]:
    """Name the repository in what the library raises: wrong names, no network, no permission."""
    try:
        yield
    except Exception as error:
        first = str(error).strip().partition('\n')[0]
        kind = ValueError if isinstance(error, ValueError) else OSError
        raise kind(f'{name}: {type(error).__name__}: {first}') from error
