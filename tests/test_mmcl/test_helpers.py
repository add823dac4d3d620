"""The contract of train-only helpers, and every helper under it."""

import json
import os
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from gloo import WORLD_SIZE, run_in_two_processes
from helper_models import CACHED, all_at_once, helpers, model_with, named_batch, write_helper_files
from mmengine.logging import MessageHub
from mmengine.model import MMDistributedDataParallel
from test_every_backbone import COVERED, parts
from torch import Tensor, nn
from toy_data import (
    CLASSES,
    TEXT_WIDTH,
    batch,
    branch_cfg,
    build,
    losses,
    mmcl_cfg,
    runner,
    skeleton_cfg,
    write_data,
)

import mmcl_ext.mmcl as package
from mmcl_ext.checkpoints.strip import TRAIN_ONLY
from mmcl_ext.mmcl import FAM, ContrastiveLoss, JointConstraint, Uniformity
from mmcl_ext.mmcl.helper import NetworkFacts, Taps, TrainingSet
from mmcl_ext.mmcl.text_refinement import keep_refinement, names_refinement
from mmcl_ext.models.backbones.feature_taps import tapped

KINDS = ('fr_head', 'prototypes', 'graph', 'feature', 'texts', 'joints', 'scores', 'uniformity')
_FOLDER = 'MMCL_EXT_TEST_HELPERS'


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = Path(tmp_path_factory.mktemp('helpers'))
    write_helper_files(path, [f's{i}' for i in range(8)])
    os.environ[_FOLDER] = str(path)  # for the processes
    yield path
    del os.environ[_FOLDER]


def total(model: Any, data: dict[str, Any]) -> Tensor:
    terms = model(**data, mode='loss')
    return model.parse_losses(terms)[0] if hasattr(model, 'parse_losses') else terms


def test_losses_of_fam_and_frm_to_the_last_bit() -> None:
    """What the branch computed before helpers had a contract, written out."""
    model = build(mmcl_cfg()).train()
    data = model.data_preprocessor(batch(), True)
    torch.manual_seed(5)
    terms = model(**data, mode='loss')
    torch.manual_seed(5)
    inputs, branch = data['inputs'], model.co_learning
    embedding = model.cls_head.pool(model.extract_feat(inputs['keypoint']))
    logits, expected = model.cls_head.loss_by_embedding(embedding, data['data_samples'])
    projected = branch.fam(branch.image_encoder(inputs['image']))
    expected['loss_align'] = 0.1 * ContrastiveLoss()(embedding, projected)
    refined, _ = branch.frm(logits, inputs['text'])
    labels = torch.cat([sample.gt_label for sample in data['data_samples']])
    expected['loss_refine'] = 0.2 * nn.functional.cross_entropy(refined, labels)
    for name, value in expected.items():
        assert torch.equal(terms[name], value), name


def test_a_list_is_the_same_as_names() -> None:
    by_name = build(mmcl_cfg(**CACHED))
    listed = [CACHED['fam'], dict(type='FRM', text_channels=TEXT_WIDTH)]
    in_list = build({**mmcl_cfg(), 'co_learning': listed})
    assert list(in_list.state_dict()) == list(by_name.state_dict())
    data = batch(image=(TEXT_WIDTH,))
    for one, other in ((by_name, in_list),):
        torch.manual_seed(1)
        expected = losses(one, data)
        torch.manual_seed(1)
        actual = losses(other, data)
    assert actual.keys() == expected.keys()
    assert all(torch.equal(actual[k], expected[k]) for k in actual)


def test_refinement_at_test_takes_the_frm_of_a_list() -> None:
    frm = dict(type='FRM', text_channels=TEXT_WIDTH)
    trained = {**skeleton_cfg(), 'type': 'MMCLRecognizer'}
    trained['co_learning'] = [dict(type='FRHead', num_frames=12), frm]
    assert names_refinement(trained['co_learning'])
    assert not names_refinement(trained['co_learning'][:1])
    kept = build(keep_refinement(trained) | dict(text_refinement='replace'))
    kept.load_state_dict(build(trained).state_dict(), strict=True)
    inputs = named_batch()['inputs']
    inputs = {key: inputs[key].float() for key in ('keypoint', 'text')}
    results = kept.eval().predict(inputs, named_batch()['data_samples'])
    assert len(results) == 8


@pytest.mark.parametrize(
    ('part', 'backbone', 'lacks'),
    [
        (dict(type='GraphContrast'), 'STGCN', 'a topology that depends on the sample'),
        (dict(type='TopologyPrototypes'), 'HDGCN', 'a topology that depends on the sample'),
        (dict(type='JointConstraint', table=[[1.0]]), 'PoseC3D', 'the features of the joints'),
    ],
)
def test_what_a_backbone_lacks_is_said_in_one_line(part: dict, backbone: str, lacks: str) -> None:
    cfg = dict(type='MMCLRecognizer', co_learning=[part], **parts(backbone, 0))
    with pytest.raises(ValueError, match=rf'^{part["type"]} needs {lacks}.*{backbone}') as error:
        build(cfg)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('listed', 'message'),
    [
        ([], 'needs fam, frm or both, or helpers'),
        ([dict(type='FRHead'), dict(type='FRHead')], "two parts called 'fr_head'"),
        ([dict(type='ContrastiveLoss')], 'no registered TrainingHelper'),
        ([dict(weight=1.0)], 'a helper is a dict with a type'),
        ([dict(type='FRHead', weight=-1.0)], 'weight is -1'),
        ([dict(type='FRHead', blocks=(3,))], 'the network has 1 to 2'),
        ([dict(type='JointConstraint', table=[[1.0]])], r'\(K, V\) = \(3, 25\)'),
    ],
)
def test_mistakes(listed: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build({**skeleton_cfg(), 'type': 'MMCLRecognizer', 'co_learning': listed})


@pytest.mark.parametrize(('name', 'variant'), [c for c in COVERED if c[0] != 'PoseC3D'])
def test_taps_of_every_backbone(name: str, variant: int) -> None:
    """Block features are those of the network, persons in place, also where some are empty."""
    built = build(dict(type='SkeletonRecognizer', **parts(name, variant)))
    for key, parameter in built.named_parameters():
        if key.endswith(('alpha', 'beta')):  # they start at zero
            nn.init.constant_(parameter, 0.5)
    facts = NetworkFacts.of(built.backbone, built.cls_head)
    x = torch.stack(batch()['inputs']['keypoint'])[:, 0]
    x[1:3, 1] = 0
    network = built.backbone.train()
    last, topology = len(facts.block_shapes), facts.topology_shape
    with tapped(network, (1, last), topology is not None) as taps:
        feats = network(x)
    blocks, inferred = taps.blocks(2), taps.topology(2)
    torch.testing.assert_close(blocks[last], feats, rtol=0, atol=0)
    shape = facts.block_shapes[0]
    frames = -(-x.shape[2] // shape.stride)
    assert blocks[1].shape == (4, 2, shape.out_channels, frames, 25)
    if topology is not None:
        assert inferred.shape == (4, 2, *topology, 25, 25)
        torch.testing.assert_close(inferred[1, 1], inferred[2, 1])
        assert not torch.allclose(inferred[0, 0], inferred[3, 0])
    assert network.taps is None
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize('kind', KINDS)
def test_each_helper_teaches_the_network_and_itself(folder: Path, kind: str) -> None:
    model, data = model_with([helpers(folder)[kind]]), named_batch()
    terms = model(**data, mode='loss')
    (key,) = (key for key in terms if 'loss' in key and key != 'loss_cls')
    terms[key].backward()
    grads = {name: p.grad for name, p in model.named_parameters()}
    assert any(g is not None and g.any() for n, g in grads.items() if n.startswith('backbone.'))
    own = {name: g for name, g in grads.items() if name.startswith('co_learning.')}
    assert all(g is not None for g in own.values()), [n for n, g in own.items() if g is None]


def test_helpers_compute_in_float32_in_mixed_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those of users, which know nothing of it."""
    seen = {}
    for kind in (JointConstraint, FAM):

        def spy(self: Any, taps: Taps, original: Any = kind.loss) -> dict[str, Tensor]:
            product = taps.embedding.float() @ taps.embedding.float().T
            seen[type(self)] = taps.joints.dtype, taps.embedding.dtype, product.dtype
            return original(self, taps)

        monkeypatch.setattr(kind, 'loss', spy)
    table = torch.rand(CLASSES, 25).tolist()
    cfg = mmcl_cfg()
    cfg['co_learning']['helpers'] = [dict(type='JointConstraint', table=table)]
    model = build(cfg).train()
    data = model.data_preprocessor(batch(), True)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        terms = model(**data, mode='loss')
    half = torch.bfloat16
    assert seen == {JointConstraint: (torch.float32,) * 3, FAM: (half, half, half)}
    assert terms['loss_joint'].dtype == torch.float32


def test_the_deployable_checkpoint_is_the_plain_network(folder: Path) -> None:
    model = all_at_once(folder)
    kept = {k: v for k, v in model.state_dict().items() if not k.startswith(TRAIN_ONLY)}
    plain = build(skeleton_cfg()).double()
    plain.load_state_dict(kept, strict=True)
    cfg = {**skeleton_cfg(), 'type': 'MMCLRecognizer', 'co_learning': [dict(type='FRHead')]}
    assert build(type(model).deploy_cfg(cfg)).state_dict().keys() == plain.state_dict().keys()
    keypoint = named_batch()['inputs']['keypoint']
    with torch.no_grad():
        outputs = [net.eval()(dict(keypoint=keypoint)) for net in (model, plain)]
    assert torch.equal(*outputs)


def train(model: Any, steps: int, optimizer: torch.optim.Optimizer) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        total(model, named_batch()).backward()
        optimizer.step()


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


def test_a_resumed_training_is_bit_equal(folder: Path) -> None:
    """Prototypes, banks and draws are in the checkpoint."""
    whole = without_dropout(all_at_once(folder))
    optimizer = sgd(whole)
    train(whole, 2, optimizer)
    saved = {k: v.clone() for k, v in whole.state_dict().items()}
    momentum = {i: s['momentum_buffer'].clone() for i, s in enumerate(optimizer.state.values())}
    train(whole, 2, optimizer)
    torch.manual_seed(9)
    resumed = without_dropout(all_at_once(folder))
    resumed.load_state_dict(saved, strict=True)
    again = sgd(resumed)
    for i, parameter in enumerate(resumed.parameters()):
        again.state[parameter]['momentum_buffer'] = momentum[i]
    train(resumed, 2, again)
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def without_dropout(model: nn.Module) -> Any:
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def step(model: nn.Module, rows: slice) -> dict[str, Tensor]:
    """Two steps, the second with the gradients kept."""
    data = named_batch()
    inputs = {key: value[rows] for key, value in data['inputs'].items()}
    for _ in range(2):
        model.zero_grad()
        terms = model(inputs, data['data_samples'][rows], mode='loss')
        plain: Any = getattr(model, 'module', model)
        plain.parse_losses(terms)[0].backward()
    state = {f'state {k}': v.clone() for k, v in plain.named_buffers() if 'co_learning' in k}
    state |= {k: p.grad for k, p in plain.named_parameters()}
    return {**{k: v.detach() for k, v in terms.items() if 'loss' in k}, **state}


def frozen_norms(model: nn.Module) -> nn.Module:
    for module in without_dropout(model).modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    return model


def worker(rank: int) -> dict[str, Tensor]:
    model = frozen_norms(all_at_once(Path(os.environ[_FOLDER])))
    wrapped = MMDistributedDataParallel(model, find_unused_parameters=False)
    return step(wrapped, slice(4 * rank, 4 * rank + 4))


def test_two_processes_train_as_one(folder: Path, tmp_path: Path) -> None:
    expected = step(frozen_norms(all_at_once(folder)), slice(None))
    actual = run_in_two_processes(worker, tmp_path)
    assert len(actual) == WORLD_SIZE
    for key in [key for key in expected if key.startswith('loss')]:
        mean = torch.stack([result.pop(key) for result in actual]).mean()
        expected_loss = expected.pop(key)
        assert abs(mean - expected_loss) < 1e-9, (key, mean, expected_loss)
    for result in actual:
        torch.testing.assert_close(result, expected, rtol=1e-6, atol=1e-9)


def test_small_classes_are_contrasted(folder: Path) -> None:
    """Eight samples of three classes: far fewer than 128 positives and 512 negatives."""
    small = model_with([dict(type='GraphContrast')])
    assert small(**named_batch(), mode='loss')['loss_graph'] > 0
    bank = dict(partial=False)
    published = model_with([dict(type='GraphContrast', bank=bank)])
    assert published(**named_batch(), mode='loss')['loss_graph'] == 0


def test_uniformity() -> None:
    """Against the loss of Wang and Isola for two samples, and features that lie far apart."""
    helper = Uniformity(temperature=0.25)

    def loss(*rows: list[float]) -> float:
        embedding = torch.tensor(rows)
        return helper.loss(Taps(embedding, embedding, torch.zeros(len(rows))))['loss_uniformity']

    features = torch.tensor([[3.0, 0.0], [1.0, 1.0]])
    distance = torch.pdist(nn.functional.normalize(features)).item()
    published = -2 * distance**2  # log exp(-t d^2), t = 1 / (2 tau)
    assert loss(*features.tolist()).item() == pytest.approx(published + 1 / 0.25, abs=1e-6)
    assert loss([1.0, 0], [-1.0, 0]) < loss([1.0, 0], [0, 1.0]) < loss([1.0, 0], [1.0, 0])
    assert loss([1.0, 0]) == 0
    with pytest.raises(ValueError, match='temperature is 0'):
        Uniformity(temperature=0)


def test_two_helpers_beside_fam_and_frm(folder: Path) -> None:
    listed = [helpers(folder)[kind] for kind in ('fr_head', 'joints')]
    branch = branch_cfg(**CACHED, helpers=listed)
    terms = model_with(branch)(**named_batch(), mode='loss')
    wanted = {'loss_cls', 'loss_align', 'loss_refine', 'loss_confusion', 'loss_joint'}
    assert wanted <= set(terms)
    assert CLASSES == 3


def test_the_helper_of_the_documentation(repo: Path) -> None:
    """Forty lines, and a step with them."""
    page = (repo / 'docs' / 'helpers.md').read_text()
    (code,) = (c for c in re.findall(r'```python\n(.*?)```', page, re.DOTALL) if 'class ' in c)
    lines = code.strip().splitlines()
    assert len(lines) <= 40
    exec(compile(code, 'docs/helpers.md', 'exec'), {'__name__': 'own_helper'})
    model = model_with([dict(type='CentreLoss')])
    first = model(**named_batch(), mode='loss')['loss_centre']
    second = model(**named_batch(), mode='loss')
    assert second['loss_centre'] < first
    assert 'centre_distance' in second
    assert model.co_learning.centre_loss.centres.any()


def test_the_table_of_the_documentation(repo: Path, folder: Path) -> None:
    """Every registered helper has its row, with the parameters for CTR-GCN on NTU RGB+D 60."""
    table = (repo / 'docs' / 'helpers.md').read_text().partition('| helper | signal |')[2]
    rows = re.findall(r'^\| `(\w+)` \|(.*)$', table.partition('\n\n')[0], re.MULTILINE)
    known = {
        name
        for name in package.__all__
        if isinstance(getattr(package, name), type)
        and issubclass(getattr(package, name), package.TrainingHelper)
    }
    assert {name for name, _ in rows} == known - {'TrainingHelper'}
    graph = dict(type='SkeletonGraph', layout='nturgb+d-ctrgcn', mode='spatial')
    network = dict(type='CTRGCN', graph_cfg=graph)
    head = dict(type='GCNHead', num_classes=60)
    parts = dict(
        FAM=dict(in_channels=1000),
        FRM=dict(text_channels=768),
        JointConstraint=dict(table=torch.ones(60, 25).tolist()),
        ClassTextAlignment=dict(file=str(folder / 'wide.safetensors')),
        ScoreDistillation=dict(file=str(folder / 'wide.pkl')),
    )
    names = [f'c{i}' for i in range(60)]
    kinds = json.dumps(['sentence', 'head', 'hand', 'hip', 'foot'])
    texts = torch.randn(60, 5, 384).numpy()
    package.write_feature_file(folder / 'wide.safetensors', texts, names, dict(kinds=kinds))
    scores = [dict(sample_name='s', pred_score=torch.zeros(60), gt_label=torch.tensor([0]))]
    (folder / 'wide.pkl').write_bytes(pickle.dumps(scores))
    listed = [dict(type=name, **parts.get(name, {})) for name, _ in rows]
    cfg = dict(type='MMCLRecognizer', backbone=network, cls_head=head, co_learning=listed)
    built = build(cfg).co_learning
    for (name, row), helper in zip(rows, built.helpers, strict=True):
        number = sum(p.numel() for p in helper.parameters())
        assert f'| {number:,}' in row, (name, number)


def test_samples_without_scores_of_a_teacher(folder: Path, tmp_path: Path) -> None:
    """They are refused, or left out of the loss: that of the others stays as it is."""
    dump = pickle.loads((folder / 'scores.pkl').read_bytes())
    (tmp_path / 'scores.pkl').write_bytes(pickle.dumps(dump[1:]))
    cfg = dict(type='ScoreDistillation', file=str(tmp_path / 'scores.pkl'))
    with pytest.raises(ValueError, match='no scores of 1 of 8'):
        model_with([cfg])
    (helper,) = model_with([dict(cfg, allow_absent=0.2)]).co_learning.helpers
    (whole,) = model_with([dict(cfg, file=str(folder / 'scores.pkl'))]).co_learning.helpers
    logits = torch.randn(8, whole.teacher.shape[1], requires_grad=True)
    samples = named_batch()['data_samples']

    def loss(teacher: Any, chosen: slice) -> Tensor:
        given = dict(
            logits=logits[chosen], samples=samples[chosen], labels=logits, embedding=logits
        )
        return teacher.loss(Taps(**given))['loss_distill']

    assert loss(helper, slice(8)) == loss(whole, slice(1, 8))
    nobody = loss(helper, slice(1))
    nobody.backward()
    assert nobody == 0


def test_a_real_run_saves_and_resumes(tmp_path: Path) -> None:
    """A Runner introduces the training set; a run resumed between or inside epochs ends alike."""
    names = write_data(tmp_path)
    write_helper_files(tmp_path, names)
    parts = list(helpers(tmp_path).values())
    model = {**skeleton_cfg(), 'type': 'MMCLRecognizer', 'co_learning': parts}
    kinds = ('AugmentationSeedHook', 'RandomStateHook', 'CoLearningDataCheckHook')
    hooks = [dict(type=kind) for kind in (*kinds, 'StripCheckpointHook')]
    options = dict(
        model=model,
        side=[],
        keys=('keypoint',),
        randomness=dict(seed=3),
        train_cfg=dict(type='ResumableTrainLoop', max_epochs=2),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1, by_epoch=False)),
    )
    whole = runner(tmp_path, hooks, **options, work_dir=str(tmp_path / 'whole'))
    whole.train()
    assert len(whole.train_dataloader) > 1
    assert whole.model.co_learning.graph_contrast.bank.visited.any()
    last = whole.max_iters
    stripped = torch.load(tmp_path / 'whole' / f'iter_{last}_skeleton.pth')['state_dict']
    build(skeleton_cfg()).load_state_dict(stripped, strict=True)
    expected = whole.model.state_dict()
    for iteration in (1, len(whole.train_dataloader)):
        path = tmp_path / 'whole' / f'iter_{iteration}.pth'
        work = str(tmp_path / f'from_{iteration}')
        again = runner(tmp_path, hooks, **options, work_dir=work, load_from=str(path), resume=True)
        again.train()
        assert again.iter == last
        state = again.model.state_dict()
        assert [k for k, v in state.items() if not torch.equal(v, expected[k])] == []


def test_nothing_listens_unless_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks are there during a step of a helper that wants blocks, and never else."""
    seen: list[int] = []

    def count(model: nn.Module) -> None:
        first: Any = model.backbone.blocks[0]
        handle = first.gcn.register_forward_hook(lambda *_: seen.append(len(first._forward_hooks)))
        model(**named_batch(), mode='loss')
        handle.remove()

    count(model_with([helpers(folder)['joints']]))
    count(model_with([helpers(folder)['fr_head']]))
    assert seen == [0, 1]
    message_hub = MessageHub.get_instance('taps')
    monkeypatch.setattr(MessageHub, 'get_current_instance', lambda: message_hub)
    message_hub.update_info('epoch', 3)
    message_hub.update_info('iter', 40)
    data = named_batch()
    taps = Taps(torch.zeros(8, 4), torch.zeros(8, 3), torch.eye(8), samples=data['data_samples'])
    assert (taps.epoch, taps.iteration) == (3, 40)
    assert taps.classes.tolist() == list(range(8))
    taps.training_set = TrainingSet(list(reversed(taps.names)), range(8))
    assert taps.positions.tolist() == list(range(7, -1, -1))
    taps.training_set = TrainingSet(['other'], [0])
    with pytest.raises(ValueError, match="sample 's0' is not in the training set"):
        _ = taps.positions
