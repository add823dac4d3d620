"""Files: atomic writing, tensor containers, and reading of what strangers send."""
