"""Image features of a frozen encoder."""
