class OperationError(Exception):
    """What the caller can put right. The message names the place, what was found there and what was expected."""
