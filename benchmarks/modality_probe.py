r"""What skeletons and images tell of each other and of the action: linear probes.

    python benchmarks/modality_probe.py CONFIG CHECKPOINT STORE:SPLIT FEATURES --subject 's(\d+)'

CONFIG and CHECKPOINT are those of a skeleton network, STORE:SPLIT samples that it has not seen
and FEATURES the image features of these. Whole subjects are left out, in five parts: what is
printed was predicted for samples of subjects that the probe was not fitted on.

1. Classes, by ridge regression of the one-hot labels: from the skeletons' coordinates, from the
   network's pooled features, from the image features, and from both (sum of the log probabilities).
2. How much of the variance of the image features (their first 64 principal components) follows
   from the network's features, from the class, and from both; and the other way round. The class
   alone is the mean of the class. If the skeleton adds nothing to the class, then aligning
   with a sample's own image can teach no more than aligning with one of its class.
3. Among all samples, and among those of its class, how often the image is the nearest one to what
   is predicted from its skeleton, beside chance.

Ridge weights are chosen on the other parts, again by subjects.
"""

import argparse
import re
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from torch import nn

from mmcl_ext.checkpoints.load import load_deployed
from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.evaluation.feature_scores import log_probability, predict_left_out, standardised
from mmcl_ext.registry import DATASETS

COMPONENTS = 64
PARTS = 5


def class_means(labels: np.ndarray, y: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Predict y (N, K) by the mean of the class in the other parts."""
    result = np.empty_like(y)
    for part in np.unique(parts):
        rest = parts != part
        for label in np.unique(labels):
            result[~rest & (labels == label)] = y[rest & (labels == label)].mean(0)
    return result


def explained(y: np.ndarray, guess: np.ndarray, parts: np.ndarray) -> float:
    """Share of the variance of y (N, K) round the mean of the other parts."""
    base = np.concatenate([y[parts == p] - y[parts != p].mean(0) for p in np.unique(parts)])
    return 1 - ((y - guess) ** 2).sum() / (base**2).sum()


def nearest(y: np.ndarray, guess: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """Share of own targets nearest to the guess among all, among the class, and chance there."""
    distance = ((guess[:, None] - y) ** 2).sum(2)
    among_all = (distance.argmin(1) == np.arange(len(y))).mean()
    same = labels[:, None] == labels
    in_class = np.where(same, distance, np.inf).argmin(1) == np.arange(len(y))
    return among_all, in_class.mean(), (1 / same.sum(1)).mean()


def principal(y: np.ndarray, number: int = COMPONENTS) -> np.ndarray:
    """Standardise y (N, D) and give its first principal components (N, number)."""
    left, sizes, _ = np.linalg.svd(standardised(y)[0], full_matrices=False)
    kept = min(number, len(sizes))
    share = (sizes[:kept] ** 2).sum() / (sizes**2).sum()
    print(f'the first {kept} components hold {share:.0%} of the variance')
    return left[:, :kept] * sizes[:kept]


@torch.no_grad()
def embed(
    model: nn.Module, cfg: Config, ann_file: str, split: str
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Names, labels (N,), coordinates (N, D) and pooled features (N, C') of a split."""
    settings = dict(cfg.test_dataloader.dataset, ann_file=ann_file, split=split)
    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        dataset = DATASETS.build(settings)
    names, labels, raw, pooled = [], [], [], []
    for i in range(len(dataset)):
        item = dataset[i]
        batch = model.data_preprocessor(pseudo_collate([item]), False)
        keypoint = batch['inputs']['keypoint']
        features = model.cls_head.pool(model.extract_feat(keypoint))
        names.append(item['data_samples'].metainfo['sample_name'])
        labels.append(int(item['data_samples'].gt_label))
        raw.append(keypoint.flatten().numpy())
        pooled.append(features[0].numpy())
    return names, np.array(labels), np.stack(raw), np.stack(pooled)


def main() -> None:
    """Probe."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('samples', help='STORE:SPLIT')
    parser.add_argument('features', type=Path)
    parser.add_argument('--subject', default=r's(\d+)', help='finds the subject in a name')
    parser.add_argument('--threads', type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model, _ = load_deployed(args.config, args.checkpoint)
    store, _, split = args.samples.rpartition(':')
    names, labels, raw, pooled = embed(model, Config.fromfile(args.config), store, split)
    file = FeatureFile(args.features)
    kept = np.array([name in file for name in names])
    labels, raw, pooled = labels[kept], raw[kept], pooled[kept]
    names = [name for name in names if name in file]
    images = np.stack([file.read(name).reshape(-1) for name in names]).astype(np.float64)
    found = [re.search(args.subject, name) for name in names]
    if None in found:
        raise SystemExit(f'--subject: no match in {names[found.index(None)]}')
    subjects = np.unique([match.group(1) for match in found if match], return_inverse=True)[1]
    parts = subjects % PARTS
    print(f'{len(names)} samples, {subjects.max() + 1} subjects, {labels.max() + 1} classes')

    onehot = np.eye(labels.max() + 1)[labels]
    scores = {
        'coordinates': predict_left_out(raw.astype(np.float64), onehot, parts),
        'network': predict_left_out(pooled.astype(np.float64), onehot, parts),
        'images': predict_left_out(images, onehot, parts),
    }
    for one in ('coordinates', 'network'):
        both = log_probability(scores[one]) + log_probability(scores['images'])
        scores[f'{one} and images'] = both
    for name, score in scores.items():
        print(f'class from {name:25} {(score.argmax(1) == labels).mean():6.1%}')

    views = dict(images=principal(images), network=principal(pooled.astype(np.float64)))
    for target, source in (('images', 'network'), ('network', 'images')):
        y, x = views[target], views[source]
        by_class = class_means(labels, y, parts)
        rest = predict_left_out(np.hstack([x, onehot]), y - by_class, parts)
        for name, guess in (
            (source, predict_left_out(x, y, parts)),
            ('class', by_class),
            (f'class and {source}', by_class + rest),
        ):
            among_all, in_class, chance = nearest(y, guess, labels)
            print(
                f'{target} from {name:18} variance {explained(y, guess, parts):6.1%}; own nearest '
                f'of all {among_all:5.1%} (chance {1 / len(y):.1%}), of the class {in_class:5.1%} '
                f'(chance {chance:.1%})'
            )


if __name__ == '__main__':
    main()
