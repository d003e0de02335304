"""Errors that a user sees: what was read, where it came from, what to do.

Each class has the exit code that the command line ends with (see `runbooks/exit-codes.md`).
"""

from __future__ import annotations


class UserError(Exception):
    """An error with a cause that the user can mend.

    `message` says what was read and what is wrong with it; `mend` says what to do about it;
    `path` is the file that is at fault, where one is.
    """

    exit_code = 1

    def __init__(self, message: str, mend: str = "", path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend
        self.path = path

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.mend}" if self.mend else self.message


class RecipeError(UserError):
    """The recipe cannot be run: bad YAML, an unknown key, scorer or column, a rule that does not parse."""

    exit_code = 2


class InputError(UserError):
    """An input is missing, unreadable or of another kind than the recipe says."""

    exit_code = 3


class StorageError(UserError):
    """The out folder cannot be used: unwritable, full, of another recipe, or a file in it is damaged."""

    exit_code = 4


class ScorerError(UserError):
    """A scorer fails on everything: a broken set-up, not bad data."""

    exit_code = 5


class MissingPackage(ScorerError):
    """A package of an extra that a scorer needs is not installed."""


class LeaseError(UserError):
    """Another run holds the out folder, or took it over from this one."""

    exit_code = 6


class CheckError(UserError):
    """`web2shards check` found shards or layers that do not agree with their index."""

    exit_code = 7


class ClusterError(UserError):
    """The cluster, or something that it needs, is not there, does not fit, or refuses."""

    exit_code = 8


class LostError(ClusterError):
    """A worker, the engine or its job server went away while a job ran: the same command goes on."""


class UnreachableError(UserError):
    """An object store did not answer, however often it was asked. Says nothing of the files in it."""

    exit_code = 9


def error_to_json(error: UserError) -> dict[str, str]:
    """An error as another process can make it again with `error_from_json`."""
    return {"error": type(error).__name__, "message": error.message, "mend": error.mend, "path": error.path}


def error_from_json(value: dict[str, str]) -> UserError:
    """The error that `error_to_json` wrote down; a UserError if its class is not one of this module."""
    kind = globals().get(value["error"], UserError)
    if not (isinstance(kind, type) and issubclass(kind, UserError)):
        kind = UserError
    return kind(value["message"], value["mend"], value["path"])
