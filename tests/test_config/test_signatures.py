"""The arguments that a class takes."""

from mmcl_ext.config.signatures import arguments_of


class Base:
    def __init__(self, width, depth=1):
        pass


class Forwards(Base):
    def __init__(self, layout, **kwargs):
        super().__init__(width=3, **kwargs)


class Uses(Base):
    def __init__(self, layout, **kwargs):
        super().__init__(kwargs.pop('wide'), **kwargs)


class Plain(Forwards):
    """Has no ``__init__`` of its own."""


def test_forwarded_arguments_are_those_of_the_base():
    found = arguments_of(Forwards)
    assert found.names == {'layout', 'depth'}
    assert found.required == {'layout'}
    assert not found.any_name
    assert arguments_of(Plain) == found


def test_what_is_used_otherwise_takes_any_name():
    assert arguments_of(Uses).any_name


def test_a_function():
    assert arguments_of(lambda a, *, b=1: a).required == {'a'}
