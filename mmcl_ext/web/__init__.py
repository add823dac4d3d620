"""A web page that predicts a clip; everything but ``page`` and ``server`` works without Gradio."""
