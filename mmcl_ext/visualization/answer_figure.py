"""A picture of images and what models answer about them; compare Fig. 3b of arXiv 2407.15706."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from mmcl_ext.fileio.file_name import sample_file
from mmcl_ext.fileio.printable import printable
from mmcl_ext.visualization.browse import read_picture
from mmcl_ext.visualization.new_figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 70


def draw_answers(answers: Mapping[str, Mapping[str, str]], images: Path) -> 'Figure':
    """Draw one row per sample: its image ``<name>.jpg`` and the answers by model.

    A FileNotFoundError if a sample has no image.
    """
    figure = new_figure(figsize=(12, 3 * len(answers)), layout='constrained')
    axes = figure.subplots(len(answers), 2, squeeze=False)
    for (name, texts), (left, right) in zip(answers.items(), axes, strict=True):
        picture = read_picture(sample_file(images, name, '.jpg'))
        if picture is None:
            raise FileNotFoundError(f'sample {name!r} has no image in {images}')
        left.imshow(picture)
        left.set_title(printable(name))
        lines = [fill(f'{m}: {printable(text)}', _WIDTH) for m, text in texts.items()]
        right.text(0, 1, '\n\n'.join(lines), va='top', wrap=True, parse_math=False)
        for ax in (left, right):
            ax.set_axis_off()
    return figure
