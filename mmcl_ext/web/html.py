"""Pieces of the page as HTML; whatever comes from outside is escaped."""

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mmcl_ext.checkpoints.model_info import ModelInfo

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CAMERA = (
    '<div class="mmcl-camera"><button type="button">Record with the camera</button>'
    '<video autoplay playsinline muted hidden></video><p role="status"></p></div>'
)
"""The browser's camera, without the script that moves it."""


def message(text: str, kind: str = 'error') -> str:
    """Return a box with a message; ``kind`` is ``'error'`` or ``'note'``."""
    role = 'alert' if kind == 'error' else 'status'
    return f'<div class="mmcl-message mmcl-{kind}" role="{role}">{escape(text)}</div>'


def headline(name: str, best: str, probability: float, true: str | None, length: str) -> str:
    """Return the predicted class, how sure the model is, the true class and the clip's length."""
    verdict = ''
    if true is not None:
        kind, word = ('right', 'correct') if true == best else ('wrong', 'wrong')
        verdict = (
            f'<span class="mmcl-true">true class: <b>{escape(true)}</b> '
            f'<span class="mmcl-{kind}">{word}</span></span>'
        )
    return (
        f'<div class="mmcl-headline"><span class="mmcl-best">{escape(best)}</span>'
        f'<span class="mmcl-percent">{probability:.1%}</span>{verdict}'
        f'<div class="mmcl-clip">{escape(name)}: {escape(length)}</div></div>'
    )


def score_table(top: Sequence[tuple[str, float]], true: str | None) -> str:
    """Return the best classes with their probabilities, in numbers and as bars."""
    mark = ' class="mmcl-true-row"'
    rows = ''.join(
        f'<tr{mark * (name == true)}><td>{rank}</td><th scope="row">{escape(name)}</th>'
        f'<td class="mmcl-number">{p:.3f}</td>'
        f'<td><div class="mmcl-bar" style="width:{100 * min(max(p, 0), 1):.1f}%"></div></td></tr>'
        for rank, (name, p) in enumerate(top, 1)
    )
    return (
        '<table class="mmcl-scores"><thead><tr><th>#</th><th>class</th><th>probability</th>'
        f'<th></th></tr></thead><tbody>{rows}</tbody></table>'
    )


def heading(text: str) -> str:
    """Return a line above a picture."""
    return f'<div class="mmcl-heading">{escape(text)}</div>'


def person_table(rows: Sequence[tuple[str, Sequence[tuple[str, float]]]]) -> str:
    """Return a line for each person with the best classes and their probabilities."""
    cells = (
        f'<tr><th scope="row">{escape(name)}</th><td>'
        + ', '.join(f'{escape(label)} {p:.3f}' for label, p in top)
        + '</td></tr>'
        for name, top in rows
    )
    return f'<table class="mmcl-facts mmcl-people">{"".join(cells)}</table>'


def picture(data: bytes, kind: str, description: str, caption: str = '') -> str:
    """Return an image file of a type as part of the page, and what is read out in its place."""
    source = f'data:{kind};base64,{base64.b64encode(data).decode()}'
    below = f'<figcaption>{escape(caption)}</figcaption>' if caption else ''
    return (
        f'<figure class="mmcl-picture"><img src="{source}" alt="{escape(description)}">'
        f'{below}</figure>'
    )


def photo(image: np.ndarray, description: str, caption: str = '', height: int = 360) -> str:
    """Return an image (H, W, 3), uint8, RGB, as JPEG, made smaller where it is higher."""
    scale = min(height / len(image), 1.0)
    size = max(round(image.shape[1] * scale), 1), max(round(len(image) * scale), 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode('.jpg', np.ascontiguousarray(small[..., ::-1]))
    return picture(data.tobytes(), 'image/jpeg', description, caption)


def drawing(figure: 'Figure', description: str, caption: str = '') -> str:
    """Return a figure of matplotlib as SVG, which stays sharp at any size."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format='svg')
    return picture(buffer.getvalue(), 'image/svg+xml', description, caption)


def model_card(info: ModelInfo) -> str:
    """Return what is to be known of the model."""
    recipe = info.recipe
    metrics = recipe.get('metrics') or {}
    facts = {
        'backbone': info.backbone,
        'classes': len(info.classes),
        'joints': f'{info.layout} ({len(info.joint_names)}), {info.in_channels} coordinates',
        'stream': info.stream,
        'persons': f'up to {info.num_person}',
        'metrics': ', '.join(f'{name} {value}' for name, value in metrics.items()),
        'configuration': recipe.get('config'),
        'license': recipe.get('license'),
    }
    rows = ''.join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>'
        for name, value in facts.items()
        if value
    )
    return f'<table class="mmcl-facts">{rows}</table>'
