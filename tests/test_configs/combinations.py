"""Every backbone on every data set, with and without the HD-Graph and co-learning.

Most combinations have no file. docs/configs.md says which file to start from and which options
to add; both tables are read from that page.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from mmcl_ext.config.load_config import load_config

REPO = Path(__file__).resolve().parents[2]
CONFIGS = REPO / 'configs'
PAGE = (REPO / 'docs/configs.md').read_text()
BACKBONES = (
    *('stgcn', 'stgcnpp', 'aagcn', 'ctrgcn', 'ctrsgcn', 'infogcn'),
    *('dgstgcn', 'hypergcn', 'blockgcn', 'lagcn', 'hdgcn'),
)
DATA = ('ntu60', 'ntu120', 'nwucla', 'utdmhad')
LAYOUT = 'model.backbone.graph_cfg.layout=nturgb+d'


def table_of_options() -> dict[str, tuple[list[str], list[str]]]:
    """Read the options of each backbone, and those that its own graph needs besides."""
    rows = re.findall(r'^\| `(\w+)` \| (.*?) \| (.*?) \|$', PAGE, re.M)
    found = {name: [re.findall(r'[\w.]+=[^ `]+', cell) for cell in row] for name, *row in rows}
    return {name: (found[name][0], found[name][1]) for name in BACKBONES}


def parse_options(options: list[str]) -> dict[str, Any]:
    """Parse options as the tools do."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    return parser.parse_args(['--cfg-options', *options] if options else []).cfg_options


@dataclass(frozen=True)
class Combination:
    """One choice of folder, backbone, graph and data set.

    Attributes:
        folder: 'skeleton', or 'mmcl' with co-learning.
        start: What the name of the file of CTR-GCN holds after the backbone.
    """

    folder: str
    backbone: str
    start: str

    @property
    def hd_graph(self) -> bool:
        return 'hdgraph' in self.start

    @property
    def data(self) -> str:
        return self.start.rpartition('_')[2]

    @property
    def name(self) -> str:
        return f'{self.folder}/{self.backbone}_{self.start}'

    @property
    def file(self) -> Path:
        return CONFIGS / self.folder / f'ctrgcn_{self.start}.py'

    @property
    def options(self) -> dict[str, Any]:
        """The documented options."""
        options, own_graph = table_of_options()[self.backbone]
        if not self.hd_graph:
            layout = [LAYOUT] if own_graph and self.data.startswith('ntu') else []
            options = [*options, *own_graph, *layout]
        return parse_options(options)

    def load(self, options: dict[str, Any] | None = None) -> Config:
        return load_config(self.file, self.options | (options or {}))


def combinations() -> Iterator[Combination]:
    """Yield all; HD-GCN has no graph but the HD-Graph."""
    for folder in ('skeleton', 'mmcl'):
        for backbone in BACKBONES:
            for data in DATA:
                yield Combination(folder, backbone, f'hdgraph_{data}')
                if backbone != 'hdgcn':
                    yield Combination(folder, backbone, data)
    for backbone in BACKBONES[:-1]:
        for data in ('ntu60', 'ntu120'):
            yield Combination('skeleton', backbone, f'mmcl110e_{data}')
