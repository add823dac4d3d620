"""Writing of score files."""

import os
from typing import Any

import torch

from mmcl_ext.evaluation.read_scores import SEARCHED_ON_TEST
from mmcl_ext.evaluation.scores import Scores
from mmcl_ext.fileio.write_pickle import write_pickle


def write_scores(path: str | os.PathLike, scores: Scores) -> None:
    """Write scores in float32 as ``tools/test.py --dump`` does, so that ensembles nest."""
    values = torch.from_numpy(scores.values).float()
    mark: dict[str, Any] = {SEARCHED_ON_TEST: True} if scores.searched_on_test else {}
    if scores.classes:
        mark['classes'] = scores.classes
    items = [
        dict(
            sample_name=name,
            num_classes=scores.num_classes,
            # a copy: a row of a matrix would be pickled with the whole matrix
            pred_score=value.clone(),
            pred_label=value.argmax(dim=0, keepdim=True),
            gt_label=torch.tensor([label]),
            **mark,
        )
        for name, value, label in zip(scores.names, values, scores.labels.tolist(), strict=True)
    ]
    write_pickle(path, items)
