"""Convert, strip, publish, describe and load trained weights."""
