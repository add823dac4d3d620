"""Checks of stores, composites and feature files, each returning what it found."""
