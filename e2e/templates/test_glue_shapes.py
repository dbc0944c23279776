"""The damages of `verify`'s tests know every field of Glue's tables and partitions."""

import glue_shapes


def test_shapes_are_those_of_the_installed_model():
    assert glue_shapes.COMMITTED.read_text() == glue_shapes.text()
