"""What goes wrong with checkpoints."""


class CheckpointError(RuntimeError):
    """Weights that cannot be read, written or loaded; the message is one sentence for the user."""
