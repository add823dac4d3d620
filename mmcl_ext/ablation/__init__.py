"""Ablations: several trainings, each with several seeds, and one table."""
