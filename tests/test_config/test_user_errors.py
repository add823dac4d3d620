"""How commands end that cannot do what they were asked for."""

import pytest

from mmcl_ext.config.user_errors import one_line_errors


@pytest.mark.parametrize(
    ('error', 'text'),
    [
        (ValueError('bad size 3'), 'bad size 3'),
        (FileNotFoundError(2, 'gone', 'a.txt'), "gone: 'a.txt'"),
    ],
)
def test_wrong_input_is_one_line(
    error: Exception, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv('TORCHELASTIC_ERROR_FILE', raising=False)
    with pytest.raises(SystemExit) as caught, one_line_errors():
        raise error
    assert caught.value.code == f'error: {text}'


@pytest.mark.parametrize('error', [KeyError('x'), RuntimeError('x'), KeyboardInterrupt()])
def test_faults_of_the_program_stay_what_they_are(error: BaseException) -> None:
    with pytest.raises(type(error)), one_line_errors():
        raise error


def test_the_summary_of_torchrun_gets_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TORCHELASTIC_ERROR_FILE', 'error.json')
    with pytest.raises(ValueError, match='bad'), one_line_errors():
        raise ValueError('bad')
