"""Walking over nested configurations."""

from mmcl_ext.config.walk import map_texts, walk, walk_types

NESTED = dict(
    type='Outer', parts=[dict(type='mmcl_ext.Inner', deeper=(dict(type='Inner'), 3)), 'Inner']
)


def test_outer_dicts_come_first() -> None:
    assert [node['type'] for node in walk(NESTED)] == ['Outer', 'mmcl_ext.Inner', 'Inner']
    assert not list(walk(None))


def test_a_scope_and_a_class_make_no_difference() -> None:
    class Inner:
        """A class, as new-style configurations name their types."""

    assert len(list(walk_types(NESTED, 'Inner'))) == 2
    assert list(walk_types(dict(type=Inner), 'Inner')) == [dict(type=Inner)]


def test_texts_are_changed_in_a_copy() -> None:
    node = dict(a=['x', ('x', 1)], x=None)
    assert map_texts(node, str.upper) == dict(A=['X', ('X', 1)], X=None)
    assert node == dict(a=['x', ('x', 1)], x=None)
