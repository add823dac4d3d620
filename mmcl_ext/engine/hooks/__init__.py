"""Hooks that know nothing of images and texts."""
