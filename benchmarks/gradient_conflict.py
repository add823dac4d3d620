"""Whether alignment pulls the network where the classifier pulls it: cosine of the two gradients.

    python benchmarks/gradient_conflict.py CONFIG CHECKPOINT [CHECKPOINT ...]

CONFIG is that of a training with co-learning, each CHECKPOINT one of its epochs with the weights of
the branch (not a stripped one). Printed are mean and standard deviation over the
batches of the cosine between the gradient of the classification loss and that of each other loss,
over all weights of the backbone, and the ratio of their lengths. Far below 0, the two compete.
"""

import argparse
import itertools

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner, set_random_seed
from torch import Tensor, nn

from mmcl_ext.fileio.checkpoint import read_checkpoint
from mmcl_ext.registry import MODELS


def backbone_gradient(model: nn.Module, loss: Tensor) -> Tensor:
    """Gradient (P,) of a loss for all weights of the backbone."""
    weights = list(model.backbone.parameters())
    grads = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    return torch.cat(
        [
            (torch.zeros_like(w) if g is None else g).flatten()
            for w, g in zip(weights, grads, strict=True)
        ]
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('config')
    parser.add_argument('checkpoints', nargs='+')
    parser.add_argument('--batches', type=int, default=20)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--threads', type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cfg = Config.fromfile(args.config)
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        model = MODELS.build(cfg.model)
        for checkpoint in args.checkpoints:
            state = read_checkpoint(checkpoint)['state_dict']
            model.load_state_dict(state, strict=True)
            model.train()
            set_random_seed(args.seed)
            loader = Runner.build_dataloader(cfg.train_dataloader)
            found: dict[str, list[tuple[float, float]]] = {}
            for batch in itertools.islice(loader, args.batches):
                data = model.data_preprocessor(batch, True)
                terms = model(**data, mode='loss')
                own = backbone_gradient(model, terms['loss_cls'])
                for name, loss in terms.items():
                    if 'loss' in name and name != 'loss_cls':
                        other = backbone_gradient(model, loss)
                        cosine = nn.functional.cosine_similarity(own, other, dim=0)
                        found.setdefault(name, []).append(
                            (float(cosine), float(other.norm() / own.norm()))
                        )
            for name, values in found.items():
                cosine, ratio = np.array(values).T
                print(
                    f'{checkpoint}: {name} cosine {cosine.mean():+.3f} '
                    f'(deviation {cosine.std(ddof=1):.3f}), {ratio.mean():.2f} times as long'
                )


if __name__ == '__main__':
    main()
