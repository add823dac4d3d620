import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mmcl_ext.mmcl import FAM, FRM, CoLearning, MMCLLoss, write_feature_file
from mmcl_ext.mmcl.helper import Taps
from mmcl_ext.mmcl.modules import refine, retrieval_accuracy

MATRICES = pytest.mark.parametrize('matrix', ['diagonal', 'full'])


def test_fam_is_two_layers() -> None:
    fam = FAM(in_channels=1000, out_channels=256)
    assert {name: tuple(p.shape) for name, p in fam.named_parameters()} == {
        'layers.0.weight': (256, 1000),
        'layers.0.bias': (256,),
        'layers.2.weight': (256, 256),
        'layers.2.bias': (256,),
    }
    assert fam(torch.randn(3, 1000)).shape == (3, 256)
    assert FAM(10, 4, hidden_channels=7).layers[0].out_features == 7


def test_projection_of_the_skeleton() -> None:
    """The loss sees the projected feature; the image side starts as without it."""
    torch.manual_seed(0)
    plain = FAM(in_channels=10, out_channels=4)
    torch.manual_seed(0)
    fam = FAM(in_channels=10, out_channels=4, project_skeleton=True)
    extra = set(fam.state_dict()) - set(plain.state_dict())
    assert extra == {f'skeleton_layers.{i}.{kind}' for i in (0, 2) for kind in ('weight', 'bias')}
    image, embedding = torch.randn(3, 10), torch.randn(3, 4)
    assert torch.equal(fam(image), plain(image))
    taps = Taps(embedding, embedding, torch.tensor([0, 1, 2]), dict(image=image))
    taps.image_feature = image
    expected = fam.contrastive(fam.skeleton_layers(embedding), fam(image))
    assert torch.equal(fam.loss(taps)['loss_align'], expected)
    assert not torch.equal(plain.loss(taps)['loss_align'], expected)


def test_alignment_with_the_images_of_the_class() -> None:
    loss = dict(type='ContrastiveLoss', positives='class')
    fam = FAM(in_channels=10, out_channels=4, contrastive=loss)
    image, embedding, classes = torch.randn(4, 10), torch.randn(4, 4), torch.tensor([0, 1, 0, 1])
    image[1] = torch.nan  # no image
    taps = Taps(embedding, embedding, classes, dict(image=image), image_feature=image)
    kept = [0, 2, 3]
    expected = fam.contrastive(embedding[kept], fam(image[kept]), classes[kept])
    assert torch.equal(fam.loss(taps)['loss_align'], expected)


@MATRICES
@pytest.mark.parametrize('num_entries', [1, 2, 5])
def test_refined_logits_start_as_the_logits(matrix: str, num_entries: int) -> None:
    frm = FRM(text_channels=4, num_classes=6, num_entries=num_entries, matrix=matrix)
    logits, text = torch.randn(8, 6), torch.randn(8, 4)
    refined, weights = frm(logits, text)
    torch.testing.assert_close(refined, logits)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(8))
    assert weights.shape == (8, num_entries)


def test_parameters_of_the_reference_and_of_the_paper() -> None:
    """n x K or n x K x K map values beside the perceptron from D over 64 to n."""
    gate = (3 * 64 + 64) + (64 * 2 + 2)
    for matrix, maps in (('diagonal', 2 * 120), ('full', 2 * 120 * 120)):
        frm = FRM(text_channels=3, num_classes=120, matrix=matrix)
        assert sum(p.numel() for p in frm.parameters()) == gate + maps


def test_diagonal_refinement_by_hand() -> None:
    """g = (1/4, 3/4), M1 = (1, 2), M2 = (3, 0): S = (4, 8) gives (10, 4)."""
    refined = refine(
        torch.tensor([[4.0, 8.0]]),
        torch.tensor([[0.25, 0.75]]),
        torch.tensor([[1.0, 2.0], [3.0, 0.0]]),
    )
    assert refined.tolist() == [[10.0, 4.0]]


def test_full_refinement_by_hand() -> None:
    """The second map exchanges the classes: (1/4)(4, 8) + (3/4)(8, 4) = (7, 5)."""
    maps = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
    refined = refine(torch.tensor([[4.0, 8.0]]), torch.tensor([[0.25, 0.75]]), maps)
    assert refined.tolist() == [[7.0, 5.0]]


def test_full_matrix_acts_on_the_right_axis() -> None:
    maps = torch.tensor([[[1.0, 2.0], [0.0, 1.0]]])
    refined = refine(torch.tensor([[4.0, 8.0]]), torch.ones(1, 1), maps)
    assert refined.tolist() == [[20.0, 8.0]]


def test_diagonal_equals_full_with_diagonal_matrices() -> None:
    torch.manual_seed(0)
    logits, weights, vectors = torch.randn(5, 4), torch.rand(5, 3), torch.randn(3, 4)
    full = torch.diag_embed(vectors)
    torch.testing.assert_close(refine(logits, weights, vectors), refine(logits, weights, full))


def test_raw_token_ids_survive_autocast() -> None:
    frm = FRM(text_channels=3, num_classes=4)
    text = torch.tensor([[30522.0, 2748.0, 102.0], [30522.0, 2053.0, 102.0]])
    with torch.autocast('cpu', dtype=torch.float16):
        refined, weights = frm(torch.randn(2, 4).half(), text)
    assert refined.isfinite().all()
    assert weights.dtype == torch.float32


def test_widths_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / 'text.safetensors'
    write_feature_file(path, np.zeros((2, 7), 'f4'), ['a', 'b'])
    assert FRM(text_channels=path, num_classes=3).text_channels == 7
    assert FAM(in_channels=str(path), out_channels=3).in_channels == 7


def test_bad_arguments_are_named() -> None:
    with pytest.raises(FileNotFoundError, match=r'nowhere/text\.safetensors'):
        FRM(text_channels='nowhere/text.safetensors', num_classes=3)
    with pytest.raises(ValueError, match="matrix is 'dense'"):
        FRM(text_channels=3, num_classes=3, matrix='dense')  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='text_channels is 0'):
        FRM(text_channels=0, num_classes=3)
    with pytest.raises(TypeError, match=r'text_channels is 3\.5'):
        FRM(text_channels=3.5, num_classes=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r'\(2, 4\), expected \(2, 3\)'):
        FRM(text_channels=3, num_classes=5)(torch.zeros(2, 5), torch.zeros(2, 4))


def test_modules_can_be_pickled() -> None:
    modules = FAM(3, 4), FRM(3, 4), MMCLLoss()
    assert [type(m) for m in pickle.loads(pickle.dumps(modules))] == [type(m) for m in modules]


def taps(labels: Tensor | None = None) -> Taps:
    """Four samples: embeddings of width 5, six classes, cached images and texts of width 5."""
    generator = torch.Generator().manual_seed(3)
    embedding, image, text = (torch.randn(4, 5, generator=generator) for _ in range(3))
    logits = torch.randn(4, 6, generator=generator).requires_grad_()
    labels = torch.arange(4) if labels is None else labels
    return Taps(embedding.requires_grad_(), logits, labels, dict(image=image, text=text))


def terms_of(loss: MMCLLoss | None = None, labels: Tensor | None = None) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return CoLearning(5, 6, fam=FAM(5, 5), frm=FRM(5, 6), loss=loss).loss(taps(labels))


def test_weights_scale_the_losses() -> None:
    one, ours = terms_of(MMCLLoss(1.0, 1.0)), terms_of()
    torch.testing.assert_close(ours['loss_align'], 0.1 * one['loss_align'])
    torch.testing.assert_close(ours['loss_refine'], 0.2 * one['loss_refine'])
    given = taps()
    expected = torch.nn.functional.cross_entropy(given.logits, given.labels)
    torch.testing.assert_close(one['loss_refine'], expected)


def test_default_weights_are_those_of_the_paper() -> None:
    criterion = MMCLLoss()
    assert (criterion.alignment_weight, criterion.refinement_weight) == (0.1, 0.2)
    assert (FAM(5, 5).weight, FRM(5, 6).weight) == (0.1, 0.2)


def test_monitors_hold_no_graph() -> None:
    """A log that keeps them must not keep the activations of a whole step."""
    terms = terms_of()
    assert {k for k, v in terms.items() if v.requires_grad} == {'loss_align', 'loss_refine'}
    torch.manual_seed(0)
    FAM(5, 5)
    weights = FRM(5, 6).entry_weights(taps().inputs['text'])
    for i in range(2):
        torch.testing.assert_close(terms[f'frm_weight_{i}'], weights.detach()[:, i].mean())


def test_only_the_losses_are_named_so() -> None:
    """MMEngine sums whatever has 'loss' in its name."""
    monitors = ['frm_weight_0', 'frm_weight_1', 'retrieval_acc']
    terms = terms_of()
    assert sorted(terms) == sorted([*monitors, 'loss_align', 'loss_refine'])
    assert all(term.ndim == 0 for term in terms.values())


def test_soft_labels_equal_hard_ones() -> None:
    labels = torch.tensor([0, 2, 1, 1])
    soft = torch.nn.functional.one_hot(labels, 6).float()
    hard_loss = terms_of(labels=labels)['loss_refine']
    torch.testing.assert_close(terms_of(labels=soft)['loss_refine'], hard_loss)


def test_retrieval_accuracy_by_hand() -> None:
    skeleton = torch.eye(3)
    image = torch.tensor([[5.0, 0, 0], [0, 1, 9], [0, 0, 1]])
    assert retrieval_accuracy(skeleton, image).item() == pytest.approx(1.0)
    image = torch.tensor([[5.0, 0, 0], [0, 1, 9], [0, 9, 1]])
    assert retrieval_accuracy(skeleton, image).item() == pytest.approx(1 / 3)


def test_negative_weights_are_refused() -> None:
    with pytest.raises(ValueError, match=r'alignment_weight -0\.1'):
        MMCLLoss(alignment_weight=-0.1)
