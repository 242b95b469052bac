"""The error of wrong input, which a retry cannot fix."""


class UserError(ValueError):
    """The input or a parameter is wrong; the message says which, what was expected, what to do.

    It is never retried. A command line prints the message without a traceback and exits with 2.
    """
