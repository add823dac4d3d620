"""How the steps of preparation end."""

from dataclasses import dataclass

import pytest

from mmcl_ext.preparation.extraction.command_line import report_step


@dataclass
class Done:
    complete: bool

    def __str__(self):
        return '3 samples'


@pytest.mark.parametrize(('complete', 'status'), [(True, 0), (False, 2)])
def test_the_status_tells_whether_samples_lack(capsys, complete, status):
    with pytest.raises(SystemExit) as stop:
        report_step('none', lambda: Done(complete))
    assert stop.value.code == status
    assert capsys.readouterr() == ('3 samples\n', '')


def test_a_wrong_input_gives_one_line(capsys):
    with pytest.raises(SystemExit, match=r'^error: no store at x$'):
        report_step('none', lambda: fail(ValueError('no store at x')))
    assert capsys.readouterr() == ('', '')


def test_an_interrupted_step_says_that_it_goes_on(capsys):
    with pytest.raises(KeyboardInterrupt):
        report_step('none', lambda: fail(KeyboardInterrupt()))
    assert capsys.readouterr() == ('', '\ninterrupted; the same command goes on\n')


def fail(error):
    raise error
