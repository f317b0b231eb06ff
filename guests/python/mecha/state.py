"""Values that outlive the call: `mecha:state`.

    store = state.open("main")
    store.set_json("cart/7", {"items": []}, if_absent=True)
    visits = store.increment("visits")
"""

import json
from typing import Any, Iterator

from wit_world.imports import counters, stores
from wit_world.imports.state_types import (
    Item,
    Precondition,
    Precondition_Absent,
    Precondition_Matches,
    Range,
    SetOptions,
)

from .errors import Error, raised

__all__ = ["Error", "Item", "Store", "open"]


class Store:
    """A store that the manifest grants. What is not here is done with `raw`, as it is generated."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def get(self, key: str) -> Item | None:
        """A value with its version (`etag`), or `None`."""
        with raised():
            return self.raw.get(key)

    def get_json(self, key: str, default: Any = None) -> Any:
        """A value that was written as JSON."""
        item = self.get(key)
        return default if item is None else json.loads(item.value)

    def set(
        self,
        key: str,
        value: bytes,
        *,
        if_absent: bool = False,
        if_match: str | None = None,
        ttl_ms: int | None = None,
        content_type: str | None = None,
    ) -> str:
        """Writes a value and returns its version.

        With `if_absent`, or with a version that is no longer there, it raises an `Error` of kind `conflict`, and
        nothing was written.
        """
        options = SetOptions(_precondition(if_absent, if_match), ttl_ms, content_type)
        with raised():
            return self.raw.set(key, value, options)

    def set_json(self, key: str, value: Any, **options: Any) -> str:
        """Writes a value as JSON; the options are those of `set`."""
        options.setdefault("content_type", "application/json")
        return self.set(key, json.dumps(value).encode(), **options)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Removes a value. It is no error if there is none."""
        with raised():
            self.raw.delete(key, _precondition(False, if_match))

    def increment(self, key: str, delta: int = 1, *, ttl_ms: int | None = None) -> int:
        """Adds to a counter, which begins at 0, and returns what it is now."""
        with raised():
            return counters.increment(self.raw, key, delta, ttl_ms)

    def entries(self, prefix: str = "", *, reverse: bool = False) -> Iterator[tuple[str, Item]]:
        """All keys that begin with `prefix`, in their order, with their values; read page by page."""
        span = Range(prefix, None, None, reverse)
        cursor = None
        while True:
            with raised():
                page = self.raw.scan(span, 100, cursor)
            yield from ((entry.key, entry.item) for entry in page.entries)
            cursor = page.cursor
            if cursor is None:
                return


def open(name: str) -> Store:
    """Opens a store by its name in the manifest."""
    with raised():
        return Store(stores.open(name))


def _precondition(if_absent: bool, if_match: str | None) -> Precondition | None:
    if if_absent:
        return Precondition_Absent()
    return None if if_match is None else Precondition_Matches(if_match)
