"""Errors of the host as exceptions. The generated bindings raise `Err(Error_NoSuchTopic("x"))`."""

import re
from contextlib import contextmanager
from typing import Any, Iterator

from componentize_py_types import Err


class Error(Exception):
    """Why a call of the host failed.

    `kind` is the case's name in the WIT (`no-such-topic`, `busy`), `detail` what it carries.
    """

    def __init__(self, kind: str, detail: Any = None) -> None:
        super().__init__(kind if detail is None else f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail

    @property
    def again(self) -> bool:
        """Whether the same call may succeed later. After `timeout` it is unknown whether it did already."""
        return self.kind in ("busy", "unavailable", "timeout")


def kind_of(case: Any) -> str:
    """`Error_NoSuchTopic` is `no-such-topic`."""
    name = type(case).__name__.partition("_")[2]
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


@contextmanager
def raised() -> Iterator[None]:
    """Around a call of the host: its errors leave as `Error`."""
    try:
        yield
    except Err as error:
        raise Error(kind_of(error.value), getattr(error.value, "value", None)) from None
