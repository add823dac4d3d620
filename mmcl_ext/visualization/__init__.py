"""Pictures of skeletons and predictions."""
