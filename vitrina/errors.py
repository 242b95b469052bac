"""What goes wrong because of what the user gave, told apart from what may pass on another try."""


class UserError(ValueError):
    """The input or a parameter is wrong: the message names it, what was expected and what to do.

    Never retried_task; a command line answers it with its message alone and exit code 2.
    """
