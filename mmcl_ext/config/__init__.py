"""Load a configuration, apply options to it, and say in one line what is wrong with it."""
