"""The one error of the supervisor: something outside the program has to change before it can start."""


class SetupError(Exception):
    """Says in one line what is wrong and what to do about it; shown without a traceback."""
