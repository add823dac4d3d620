"""The zoo: published models that this repository holds, by name as ``zoo:NAME``."""

import difflib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mmcl_ext.fileio.shipped_folder import shipped_folder
from mmcl_ext.fileio.yaml_data import data_loader

PREFIX = 'zoo:'
INDEX = 'metafile.yml'
VARIABLE = 'MMCL_EXT_ZOO'
"""Environment variable with a folder to take in place of the repository's ``zoo``."""

_FIELDS = dict(
    Name=str, Config=str, Weights=str, SHA256=str, Card=str, Test=str, License=str, Results=list
)


@dataclass(frozen=True)
class ZooModel:
    """A listed model; paths are those of this machine.

    Its ``name`` follows ``zoo:``; the hash is that of the published file; ``config`` is that of the
    training, ``configs/...``; ``test`` the command line that measures the ``metrics``, which are in
    per cent under the names of the list.
    """

    name: str
    weights: Path
    sha256: str
    card: Path
    config: str
    test: str
    metrics: Mapping[str, float]
    license: str

    def check_file(self) -> None:
        """Compare the file with its hash: a FileNotFoundError without it, OSError for another."""
        if not self.weights.is_file():
            raise FileNotFoundError(
                f'{PREFIX}{self.name}: there is no {self.weights}; the packages hold no weights: '
                f'set {VARIABLE} to the folder zoo of a clone of the repository'
            )
        found = hashlib.sha256(self.weights.read_bytes()).hexdigest()
        if found != self.sha256:
            raise OSError(
                f'{PREFIX}{self.name}: {self.weights} has the SHA-256 {found}, listed is '
                f'{self.sha256}: it is damaged or another file'
            )


def zoo_folder() -> Path:
    """Return the folder of the list: ``MMCL_EXT_ZOO``, or the one that comes with the package."""
    folder = os.environ.get(VARIABLE)
    return Path(folder) if folder else shipped_folder('zoo')


def load_zoo(folder: str | os.PathLike | None = None) -> dict[str, ZooModel]:
    """Read the list of a folder, by default of :func:`zoo_folder`; a ValueError if it is wrong."""
    path = Path(folder or zoo_folder(), INDEX)
    if not path.is_file():
        raise FileNotFoundError(f'there is no list of a zoo at {path}')
    try:
        content = yaml.load(path.read_text(encoding='utf-8'), Loader=data_loader)
        models = [_read(entry, path.parent) for entry in content['Models'] or ()]
    except (yaml.YAMLError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f'{path} is no list of models: {" ".join(str(error).split())}') from error
    found = {model.name: model for model in models}
    if len(found) < len(models):
        raise ValueError(f'{path} lists a name twice')
    return found


def find_in_zoo(model: str | os.PathLike) -> str:
    """Return the file of a model ``zoo:NAME``, whose hash is checked; any other path as it is.

    A name that is not listed and a file that is not there are a FileNotFoundError, another file
    than the listed one an OSError.
    """
    text = os.fspath(model)
    if not text.startswith(PREFIX):
        return text
    name, models = text.removeprefix(PREFIX), load_zoo()
    if name not in models:
        near = difflib.get_close_matches(name, models, 1)
        hint = f'did you mean {PREFIX}{near[0]}?' if near else 'tools/zoo.py list names them'
        raise FileNotFoundError(f'the zoo has no model {name!r}; {hint}')
    models[name].check_file()
    return str(models[name].weights)


def _read(entry: Mapping[str, Any], folder: Path) -> ZooModel:
    for field, kind in _FIELDS.items():
        if not isinstance(entry.get(field), kind):
            raise ValueError(f'{entry.get("Name")}: {field} is missing or no {kind.__name__}')
    if len({Path(entry[key]).name == entry[key] for key in ('Weights', 'Card')} - {True}):
        raise ValueError(f'{entry["Name"]}: Weights and Card are names of files beside the list')
    metrics = {key: float(v) for item in entry['Results'] for key, v in item['Metrics'].items()}
    return ZooModel(
        name=entry['Name'],
        weights=folder / entry['Weights'],
        sha256=entry['SHA256'],
        card=folder / entry['Card'],
        config=entry['Config'],
        test=entry['Test'],
        metrics=metrics,
        license=entry['License'],
    )
