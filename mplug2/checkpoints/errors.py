"""What goes wrong with checkpoints."""


class CheckpointError(RuntimeError):
    """Weights that cannot be read, written or loaded; the message is one sentence for the user."""


class DamagedCheckpointError(CheckpointError):
    """A file that is truncated, changed or no checkpoint at all."""
