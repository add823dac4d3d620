"""Synthetic people, scenes and pictures: the embedded data of the demonstration."""
