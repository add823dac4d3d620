"""Score files as our tools, MMAction2, PYSKL and the reference repositories write them."""

import pickle
from pathlib import Path

import numpy as np
import torch

from mmcl_ext.evaluation.scores import Scores


def make_scores(num_samples=40, num_classes=4, seed=0, strength=1.5, source='made'):
    """Draw logits that are right more often than not."""
    generator = np.random.default_rng(seed)
    labels = np.arange(num_samples) % num_classes
    values = generator.normal(size=(num_samples, num_classes))
    values[np.arange(num_samples), labels] += strength
    names = [f'a{label + 1}_s{i}_t1' for i, label in enumerate(labels)]
    return Scores(names, values, labels, source)


def shuffled(scores, seed=3):
    """Return the same scores in another order."""
    order = np.random.default_rng(seed).permutation(len(scores))
    names = [scores.names[i] for i in order]
    return Scores(names, scores.values[order], scores.labels[order], f'{scores.source}, shuffled')


def write_dump(path, scores, field='sample_name'):
    """Write what MMEngine's DumpResults writes: rows of a batch, with the batch."""
    values = torch.from_numpy(scores.values).float()
    items = [
        dict(
            num_classes=scores.num_classes,
            gt_label=torch.tensor([label]),
            pred_score=values[i],
            pred_label=values[i].argmax(dim=0, keepdim=True),
            **({field: scores.names[i]} if field else {}),
        )
        for i, label in enumerate(scores.labels.tolist())
    ]
    return write_pickle(path, items)


def write_pickle(path, content):
    Path(path).write_bytes(pickle.dumps(content))
    return str(path)
