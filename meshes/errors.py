"""The one base of every error that a user can cause and mend.

Its message says what was expected, what came, and what to do next; commands print it without a traceback.
"""


class UserError(ValueError):
    """Bad input or an unmet need: expected, got, next step."""


class UsageError(UserError):
    """The request itself cannot be met, whatever the data: a command that it stops exits with 2, not 1."""
