"""Draw docs/data_flow.svg and docs/co_learning.svg: ``python docs/draw_pictures.py``."""

from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use('svg')
matplotlib.rcParams.update({'svg.hashsalt': 'mmcl_ext', 'svg.fonttype': 'none'})

from matplotlib.figure import Figure  # noqa: E402


class Picture(NamedTuple):
    """Boxes by name: place, text, and whether they exist in training only; arrows between them."""

    boxes: dict[str, tuple[float, float, str, bool]]
    arrows: tuple[tuple[str, str], ...]


DATA_FLOW = Picture(
    boxes={
        'raw': (0.0, 2, 'raw data set', False),
        'store': (2.2, 2, 'annotation store\n(datasets.store)', False),
        'pipeline': (4.4, 2, 'pipeline\n(datasets.transforms)', False),
        'backbone': (6.6, 2, 'backbone\n(models)', False),
        'head': (8.8, 2, 'head\n(models)', False),
        'scores': (11.0, 2, 'scores, metrics\n(evaluation)', False),
        'clips': (2.2, 3.4, 'clips, streams\n(inference)', False),
        'videos': (0.0, 0.6, 'videos', True),
        'features': (2.2, 0.6, 'images, texts\n(preparation)', True),
        'helpers': (6.6, 0.6, 'helpers: FAM, FRM\n(mmcl)', True),
        'losses': (8.8, 0.6, 'losses', True),
    },
    arrows=(
        *(('raw', 'store'), ('store', 'pipeline'), ('pipeline', 'backbone')),
        *(('backbone', 'head'), ('head', 'scores'), ('clips', 'pipeline')),
        *(('videos', 'features'), ('features', 'helpers'), ('backbone', 'helpers')),
        *(('head', 'losses'), ('helpers', 'losses')),
    ),
)
CO_LEARNING = Picture(
    boxes={
        'skeletons': (0.0, 2, 'skeletons', False),
        'backbone': (2.8, 2, 'any backbone', False),
        'pool': (5.6, 2, 'pooled feature', False),
        'classifier': (8.4, 2, 'classifier', False),
        'scores': (11.0, 2, 'scores', False),
        'images': (0.0, 3.4, 'composite images', True),
        'encoder': (2.8, 3.4, 'image encoder, MLP', True),
        'fam': (5.6, 3.4, 'alignment (FAM)\ncontrastive loss', True),
        'texts': (2.8, 0.6, 'texts', True),
        'language': (5.6, 0.6, 'text features', True),
        'frm': (8.4, 0.6, 'refinement (FRM)\nof the scores', True),
        'loss': (11.0, 0.6, 'cross entropy', True),
    },
    arrows=(
        *(('skeletons', 'backbone'), ('backbone', 'pool'), ('pool', 'classifier')),
        *(('classifier', 'scores'), ('images', 'encoder'), ('encoder', 'fam'), ('pool', 'fam')),
        *(('texts', 'language'), ('language', 'frm'), ('classifier', 'frm'), ('frm', 'loss')),
        ('scores', 'loss'),
    ),
)
PICTURES = {'data_flow.svg': DATA_FLOW, 'co_learning.svg': CO_LEARNING}


def draw(picture: Picture, path: Path) -> None:
    """Write a picture; the same picture gives the same bytes."""
    figure = Figure(figsize=(12, 3.6))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-1.1, 12.1), ylim=(0, 4))
    axes.set_axis_off()
    for start, end in picture.arrows:
        style = dict(arrowstyle='-|>', shrinkA=58, shrinkB=58, color='0.3')
        (x, y), (u, v) = picture.boxes[start][:2], picture.boxes[end][:2]
        if x == u:
            style |= dict(shrinkA=20, shrinkB=20)
        axes.annotate('', (u, v), (x, y), arrowprops=style)
    for x, y, text, training_only in picture.boxes.values():
        edge = dict(linestyle='--', edgecolor='tab:blue') if training_only else {}
        box = dict(boxstyle='round,pad=0.4', facecolor='white', **edge)
        axes.text(x, y, text, ha='center', va='center', fontsize=9, bbox=box)
    figure.savefig(path, metadata={'Date': None})


def main() -> None:
    """Write the pictures beside this file."""
    for name, picture in PICTURES.items():
        draw(picture, Path(__file__).with_name(name))


if __name__ == '__main__':
    main()
