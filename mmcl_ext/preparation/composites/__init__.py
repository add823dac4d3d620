"""Composite images: five tiles of a clip in one picture, see arXiv 2407.15706."""
