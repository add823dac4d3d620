import subprocess
import sys

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from mmcl_ext.visualization.prediction_figure import Prediction, draw_predictions, save_figure
from mmcl_ext.visualization.score_plot import draw_scores

CLASSES = ('sit', 'stand', 'wave', 'kick', 'throw')
SCORES = {'plain': np.array([0.1, 0.2, 0.6, 0.05, 0.05]), 'richer': np.array([0, 0, 0.1, 0.9, 0])}


def labels(axes):
    return [text.get_text() for text in axes.get_yticklabels()]


def prediction(image=True):
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (60, 60, 3), dtype=np.uint8) if image else None
    return Prediction('sample: kick', rng.normal(size=(9, 25, 3)), SCORES, 3, picture)


def test_highest_scores_of_any_model_come_first():
    axes = Figure().subplots()
    draw_scores(axes, SCORES, CLASSES, label=3, top=3)
    assert labels(axes) == ['kick', 'wave', 'stand']
    widths = [[bar.get_width() for bar in bars] for bars in axes.containers]
    np.testing.assert_allclose(widths, [[0.05, 0.6, 0.2], [0.9, 0.1, 0.0]])


def test_the_true_class_is_bold_and_always_shown():
    axes = Figure().subplots()
    draw_scores(axes, SCORES, CLASSES, label=4, top=2)
    assert labels(axes) == ['kick', 'throw']
    assert [text.get_fontweight() for text in axes.get_yticklabels()] == ['normal', 'bold']


@pytest.mark.parametrize('scores', [{}, {'plain': np.ones(3)}])
def test_scores_that_do_not_fit_are_refused(scores):
    with pytest.raises(ValueError, match=r'expected scores \(5,\)'):
        draw_scores(Figure().subplots(), scores, CLASSES)


def test_a_row_per_sample_with_skeleton_image_and_scores():
    figure = draw_predictions([prediction(), prediction(image=False)], CLASSES, 'nturgb+d')
    first, second = np.reshape(figure.axes, (2, 3))
    assert first[0].get_title(loc='left') == 'sample: kick'
    assert len(first[1].images) == 1
    assert not second[1].images
    assert labels(second[2])[0] == 'kick'


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match='no predictions'):
        draw_predictions([], CLASSES, 'nturgb+d')


def test_the_picture_is_written_whole(tmp_path):
    path = tmp_path / 'new' / 'demo.png'
    save_figure(draw_predictions([prediction()], CLASSES, 'nturgb+d'), path, dpi=50)
    assert cv2.imread(str(path)).shape[1] == 14 * 50
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_picture(tmp_path):
    path = tmp_path / 'demo.nosuchformat'
    path.write_text('old')
    with pytest.raises(ValueError, match='nosuchformat'):
        save_figure(draw_predictions([prediction()], CLASSES, 'nturgb+d'), path)
    assert path.read_text() == 'old'
    assert list(tmp_path.iterdir()) == [path]


def test_importing_does_not_choose_a_backend():
    """Matplotlib is imported when something is drawn, and its pyplot never."""
    code = (
        'import sys, mmcl_ext.visualization\n'
        'assert "matplotlib" not in sys.modules, "matplotlib"\n'
        'assert "mmcl_ext.mmcl" not in sys.modules, "mmcl"'
    )
    subprocess.run([sys.executable, '-W', 'ignore', '-c', code], check=True)


def test_a_label_of_other_classes_is_not_drawn():
    """A clip of another data set may have any label."""
    axes = Figure().subplots()
    draw_scores(axes, SCORES, CLASSES, label=len(CLASSES), top=2)
    assert len(axes.get_yticklabels()) == 2
    assert all(text.get_fontweight() == 'normal' for text in axes.get_yticklabels())
