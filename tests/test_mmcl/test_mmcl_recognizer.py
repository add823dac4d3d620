import contextlib
import copy
from collections.abc import Callable

import pytest
import torch
from mmaction import registry as mmaction_registry
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from torch import nn
from toy_data import (
    CLASSES,
    TEXT_WIDTH,
    Pixels,
    batch,
    branch_cfg,
    build,
    losses,
    mmcl_cfg,
    skeleton_cfg,
)

from mmcl_ext.mmcl import MMCLDataPreprocessor, MMCLRecognizer
from mmcl_ext.mmcl.helper import Taps

CACHED = dict(image_encoder=None, fam=dict(type='FAM', in_channels=6))


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.grad for name, p in model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize('negatives', ['paper', 'grace'])
@pytest.mark.parametrize('matrix', ['diagonal', 'full'])
def test_training_step(negatives: str, matrix: str) -> None:
    """Every parameter gets a gradient, as DDP without find_unused_parameters demands."""
    contrastive = dict(type='ContrastiveLoss', negatives=negatives)
    model = build(
        mmcl_cfg(
            frm=dict(type='FRM', text_channels=TEXT_WIDTH, matrix=matrix),
            loss=dict(type='MMCLLoss', contrastive=contrastive),
        )
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(2):  # the gate of the refinement learns once its maps differ
        optimizer.zero_grad()
        terms = losses(model, batch())
        model.parse_losses(terms)[0].backward()
        optimizer.step()
    missing = [name for name, grad in gradients(model).items() if grad is None]
    assert missing == []
    assert all(grad.isfinite().all() for grad in gradients(model).values())
    still = [name for name, grad in gradients(model).items() if not grad.any()]
    # Batch norm follows these convolutions, so their bias cannot matter.
    assert [name for name in still if name.startswith(('co_learning', 'cls_head'))] == []


@pytest.mark.parametrize('matrix', ['diagonal', 'full'])
def test_training_step_in_mixed_precision(matrix: str) -> None:
    frm = dict(type='FRM', text_channels=TEXT_WIDTH, matrix=matrix)
    model = build(mmcl_cfg(frm=frm))
    with torch.autocast('cpu', dtype=torch.float16):
        terms = losses(model, batch())
    total = model.parse_losses(terms)[0]
    assert total.dtype == torch.float32
    total.backward()
    assert all(grad.isfinite().all() for grad in gradients(model).values())
    frm_and_loss = {k: v.dtype for k, v in terms.items() if k in ('loss_align', 'loss_refine')}
    assert set(frm_and_loss.values()) == {torch.float32}


def test_from_a_configuration_of_mmaction() -> None:
    backbone = dict(type='mmaction.STGCN', graph_cfg=dict(layout='nturgb+d', mode='stgcn_spatial'))
    cfg = dict(
        type='mmcl_ext.MMCLRecognizer',
        backbone=dict(backbone, base_channels=8, num_stages=2, inflate_stages=(), down_stages=()),
        cls_head=dict(type='mmcl_ext.GCNHead', num_classes=CLASSES, in_channels=8, topk=(1,)),
        co_learning=dict(
            type='mmcl_ext.CoLearning',
            frm=dict(type='mmcl_ext.FRM', text_channels=TEXT_WIDTH),
        ),
    )
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = mmaction_registry.MODELS.build(cfg)
        assert 'loss_refine' in losses(model, batch())


def test_loss_is_the_weighted_sum() -> None:
    model = build(mmcl_cfg())
    terms = losses(model, batch())
    total, logged = model.parse_losses(terms)
    parts = terms['loss_cls'] + terms['loss_align'] + terms['loss_refine']
    torch.testing.assert_close(total, parts)
    assert {'retrieval_acc', 'frm_weight_0', 'frm_weight_1'} <= set(logged)


@pytest.mark.parametrize(
    ('name', 'taught', 'not_taught'),
    [
        ('loss_align', ('backbone.', 'co_learning.'), ('cls_head.', 'co_learning.frm.')),
        ('loss_refine', ('backbone.', 'cls_head.'), ('co_learning.image', 'co_learning.fam.')),
    ],
)
def test_each_term_teaches_the_skeleton(name: str, taught: tuple, not_taught: tuple) -> None:
    """That is what co-learning is for: each term alone reaches the deployable model."""
    model = build(mmcl_cfg()).train()
    losses(model, batch())[name].backward()
    reached = {key for key, grad in gradients(model).items() if grad is not None and grad.any()}
    for prefix in taught:
        assert any(key.startswith(prefix) for key in reached), prefix
    assert not [key for key in reached if key.startswith(not_taught)]


def test_refinement_starts_from_the_classifier() -> None:
    """While all maps are the identity, L_R is the classification loss."""
    model = build(mmcl_cfg()).train()
    terms = losses(model, batch())
    torch.testing.assert_close(terms['loss_refine'], 0.2 * terms['loss_cls'])


@pytest.mark.parametrize(
    ('changes', 'data', 'names'),
    [
        (dict(frm=None), batch(), {'loss_align'}),
        (dict(image_encoder=None, fam=None), batch(), {'loss_refine'}),
        (CACHED, batch(image=(6,)), {'loss_align', 'loss_refine'}),
    ],
)
def test_parts_alone(changes: dict, data: dict, names: set[str]) -> None:
    model = build(mmcl_cfg(**changes))
    needed = ('keypoint', *model.co_learning.required_inputs)
    data = {**data, 'inputs': {key: data['inputs'][key] for key in needed}}
    terms = losses(model, data)
    assert {name for name in terms if name.startswith('loss')} == names | {'loss_cls'}
    model.parse_losses(terms)[0].backward()
    assert all(grad is not None for grad in gradients(model).values())


def test_frozen_encoder_in_training() -> None:
    encoder = dict(type='ImageEncoder', backbone=Pixels(), frozen=True)
    model = build(mmcl_cfg(image_encoder=encoder)).train()
    model.parse_losses(losses(model, batch()))[0].backward()
    assert not model.co_learning.image_encoder.training
    assert model.co_learning.image_encoder.backbone.conv.weight.grad is None
    assert all(grad is not None for grad in gradients(model).values())


def test_plain_recognizer_at_test_time() -> None:
    """Same numbers as the skeleton-only model, without images or texts."""
    model = build(mmcl_cfg()).eval()
    plain = build(skeleton_cfg()).eval()
    weights = {k: v for k, v in model.state_dict().items() if not k.startswith('co_learning.')}
    plain.load_state_dict(weights, strict=True)
    data = batch(clips=2)
    data['inputs'] = {'keypoint': data['inputs']['keypoint']}
    for mode, read in (('tensor', lambda x: x), ('predict', scores)):
        with torch.no_grad():
            ours, theirs = (
                read(m(**m.data_preprocessor(copy.deepcopy(data)), mode=mode))
                for m in (model, plain)
            )
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def scores(samples: list) -> torch.Tensor:
    return torch.stack([sample.pred_score for sample in samples])


def test_same_keys_as_the_plain_recognizer() -> None:
    ours = {key for key in build(mmcl_cfg()).state_dict() if not key.startswith('co_learning.')}
    assert ours == set(build(skeleton_cfg()).state_dict())


def test_same_weights_as_the_plain_recognizer() -> None:
    """The branch is built after the deployable part, so a seed gives both the same start."""
    ours = build(mmcl_cfg()).state_dict()
    for key, value in build(skeleton_cfg()).state_dict().items():
        assert torch.equal(value, ours[key]), key


@pytest.mark.parametrize('wrap', [dict, ConfigDict])
def test_deployed_configuration(wrap: Callable) -> None:
    cfg = wrap(
        type='MMCLRecognizer',
        data_preprocessor=dict(type='MMCLDataPreprocessor', mean=(0, 0, 0), non_blocking=True),
        backbone=skeleton_cfg()['backbone'],
        cls_head=skeleton_cfg()['cls_head'],
        co_learning=dict(type='CoLearning', image_encoder=dict(type='NotEvenThere')),
    )
    before = copy.deepcopy(cfg)
    deployed = MMCLRecognizer.deploy_cfg(cfg)
    assert cfg == before
    assert deployed['type'] == 'SkeletonRecognizer'
    assert deployed['data_preprocessor'] == dict(type='SkeletonDataPreprocessor', non_blocking=True)
    assert deployed['ignore_keys'] == ('co_learning.',)
    model = build(deployed)
    model.load_state_dict(build(mmcl_cfg()).state_dict(), strict=True)


def test_deployed_configuration_keeps_the_scope() -> None:
    cfg = dict(mmcl_cfg(), type='mmcl_ext.MMCLRecognizer', ignore_keys=('ema.',))
    deployed = MMCLRecognizer.deploy_cfg(cfg)
    assert deployed['type'] == 'mmcl_ext.SkeletonRecognizer'
    assert deployed['ignore_keys'] == ('ema.', 'co_learning.')


def test_refinement_at_test_time() -> None:
    model = build(mmcl_cfg()).eval()
    logits, text = torch.randn(4, CLASSES), torch.randn(4, TEXT_WIDTH)
    torch.testing.assert_close(model.refine(logits, text), logits)
    with pytest.raises(ValueError, match='without a refinement module'):
        build(mmcl_cfg(frm=None)).refine(logits, text)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(image_encoder=None, fam=None, frm=None), 'needs fam, frm or both'),
        (dict(fam=None), 'image_encoder without fam'),
        (dict(fam=dict(type='FAM', in_channels=9)), 'in_channels=9, but the image encoder has 10'),
        (dict(fam=dict(type='FAM', out_channels=9)), 'out_channels=9, but the skeleton .* has 16'),
        (
            dict(frm=dict(type='FRM', text_channels=2, num_classes=9)),
            'num_classes=9, but the classification head has 3',
        ),
        (dict(num_classes=4), 'num_classes=4, but the head has 3'),
    ],
)
def test_parts_that_do_not_fit(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(mmcl_cfg(**changes))


def test_cached_features_need_a_width() -> None:
    with pytest.raises(TypeError, match='in_channels'):
        build(mmcl_cfg(image_encoder=None))


def test_foreign_head_is_refused() -> None:
    head = dict(type='mmaction.GCNHead', num_classes=CLASSES, in_channels=16)
    with pytest.raises(ValueError, match=r"lacks \['loss_by_embedding'\]"):
        build({**mmcl_cfg(), 'cls_head': head})


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda inputs: inputs.pop('image'), r"needs 'image' among the inputs, got \['keypoint'"),
        (lambda inputs: inputs['text'].pop(), "3 samples of 'text' for 4 skeletons"),
        (lambda inputs: inputs.update(image=torch.zeros(4, 10)), r'expected \(N, 3, H, W\)'),
    ],
)
def test_inputs_that_do_not_fit(change: Callable, message: str) -> None:
    data = batch()
    change(data['inputs'])
    with pytest.raises(ValueError, match=message):
        losses(build(mmcl_cfg()), data)


def test_images_in_place_of_cached_features() -> None:
    with pytest.raises(ValueError, match=r'expected \(N, F\) since image_encoder is None'):
        losses(build(mmcl_cfg(**CACHED)), batch())


def test_preprocessor_normalises_images_only() -> None:
    preprocessor = MMCLDataPreprocessor()
    data = batch()
    inputs = preprocessor(copy.deepcopy(data), True)['inputs']
    raw = torch.stack(data['inputs']['image'])[1, 2, 3, 4] / 255
    torch.testing.assert_close(inputs['image'][1, 2, 3, 4], (raw - 0.406) / 0.225)
    torch.testing.assert_close(inputs['text'], torch.stack(data['inputs']['text']))
    assert inputs['keypoint'].shape == (4, 1, 2, 12, 25, 3)
    features = preprocessor(batch(image=(6,)), True)['inputs']['image']
    torch.testing.assert_close(features, torch.stack(batch(image=(6,))['inputs']['image']))


def test_preprocessor_leaves_no_state() -> None:
    assert list(MMCLDataPreprocessor().state_dict()) == []
    with pytest.raises(ValueError, match='need three RGB values'):
        MMCLDataPreprocessor(mean=(0.5,))


def test_branch_makes_no_tensor_on_another_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the meta device any tensor made on the CPU on the way would be an error."""
    # That device has no autocast.
    monkeypatch.setattr(torch, 'autocast', lambda *_, **__: contextlib.nullcontext())
    encoder = dict(type='InceptionV3')
    branch = build(branch_cfg(image_encoder=encoder, embed_channels=16, num_classes=CLASSES))
    branch.to('meta')
    preprocessor = MMCLDataPreprocessor().to('meta')
    inputs = preprocessor(batch(image=(3, 75, 75)), True)['inputs']
    embedding, logits = torch.zeros(4, 16, device='meta'), torch.zeros(4, CLASSES, device='meta')
    labels = torch.zeros(4, dtype=torch.long, device='meta')
    terms = branch.loss(Taps(embedding, logits, labels, inputs))
    assert {term.device.type for term in terms.values()} == {'meta'}


def test_branch_takes_built_modules() -> None:
    branch = build(branch_cfg(embed_channels=16, num_classes=CLASSES))
    model = build({**skeleton_cfg(), 'type': 'MMCLRecognizer', 'co_learning': branch})
    assert model.co_learning is branch
