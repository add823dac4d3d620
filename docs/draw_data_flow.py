"""Draw docs/data_flow.svg: ``python docs/draw_data_flow.py``."""

from pathlib import Path

import matplotlib

matplotlib.use('svg')
matplotlib.rcParams.update({'svg.hashsalt': 'mmcl_ext', 'svg.fonttype': 'none'})

from matplotlib.figure import Figure  # noqa: E402

BOXES = {
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
}
ARROWS = (
    *(('raw', 'store'), ('store', 'pipeline'), ('pipeline', 'backbone'), ('backbone', 'head')),
    *(('head', 'scores'), ('clips', 'pipeline'), ('videos', 'features')),
    *(('features', 'helpers'), ('backbone', 'helpers'), ('head', 'losses'), ('helpers', 'losses')),
)


def main() -> None:
    """Write the picture beside this file."""
    figure = Figure(figsize=(12, 3.6))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-1.1, 12.1), ylim=(0, 4))
    axes.set_axis_off()
    for start, end in ARROWS:
        style = dict(arrowstyle='-|>', shrinkA=58, shrinkB=58, color='0.3')
        (x, y), (u, v) = BOXES[start][:2], BOXES[end][:2]
        if x == u:
            style |= dict(shrinkA=20, shrinkB=20)
        axes.annotate('', (u, v), (x, y), arrowprops=style)
    for x, y, text, training_only in BOXES.values():
        edge = dict(linestyle='--', edgecolor='tab:blue') if training_only else {}
        box = dict(boxstyle='round,pad=0.4', facecolor='white', **edge)
        axes.text(x, y, text, ha='center', va='center', fontsize=9, bbox=box)
    path = Path(__file__).with_name('data_flow.svg')
    figure.savefig(path, metadata={'Date': None})


if __name__ == '__main__':
    main()
