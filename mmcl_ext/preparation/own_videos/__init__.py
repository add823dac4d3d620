"""From a folder of a user's own videos to a training configuration."""
