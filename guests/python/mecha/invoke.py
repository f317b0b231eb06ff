"""Calls between components, with JSON: `mecha:invoke`.

    Callee = invoke.callee({"quote": quote})

    def quote(request, caller):
        return {"price": 12}

    invoke.open("pricing").call("quote", {"article": "tea"})
"""

import json
from typing import Any, Callable

from componentize_py_types import Err
from wit_world.imports import invoke_types
from wit_world.imports.invoke_types import CallOptions, Error_Fault, FaultKind, Request, Response

from .data import loads
from .errors import Error, raised

try:
    from wit_world.imports import targets
except ImportError:
    pass  # The component is called, and its world has nothing for calling others.

__all__ = ["Error", "Fault", "Target", "callee", "open"]

JSON = "application/json"


class Fault(Exception):
    """What a callee reports to its caller.

    `kind` is the WIT's name: `invalid-request`, `not-found`, `conflict`, `denied`, `unavailable`, `unknown-method` or
    `internal`; `detail` is any JSON value.
    """

    def __init__(self, kind: str, message: str, detail: Any = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.detail = detail


def callee(methods: dict[str, Callable[[Any, Any], Any]]) -> type:
    """The class `Callee` that the world exports: a function of `(request, caller)` for each method.

    Request and answer are JSON values. A function raises `Fault` to report one; what else it raises is a trap.
    """

    class Callee:
        def handle(self, caller: Any, request: Request) -> Response:
            try:
                method = methods.get(request.method)
                if method is None:
                    raise Fault("unknown-method", f"there is no method `{request.method}`")
                answer = method(_request(request.data), caller)
            except Fault as fault:
                raise Err(_lowered(fault)) from None
            return Response(json.dumps(answer).encode(), JSON, [])

    return Callee


class Target:
    """A component that the manifest lets this one call."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def call(
        self,
        method: str,
        request: Any = None,
        *,
        timeout_ms: int | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """Calls a method with a JSON value and returns its answer, likewise.

        Raises `Fault` for what the callee reports, `Error` for everything else.
        """
        options = CallOptions(timeout_ms, idempotency_key)
        with raised():
            try:
                response = self.raw.call(Request(method, json.dumps(request).encode(), JSON, []), options)
            except Err as error:
                if isinstance(error.value, Error_Fault):
                    raise _lifted(error.value.value) from None
                raise
        return loads(response.data) if response.data else None


def open(name: str) -> Target:
    """Opens a component by its name in the manifest."""
    with raised():
        return Target(targets.open(name))


def _request(data: bytes) -> Any:
    try:
        return loads(data) if data else None
    except ValueError as error:
        raise Fault("invalid-request", f"the request is no JSON: {error}") from None


def _lowered(fault: Fault) -> invoke_types.Fault:
    kind = FaultKind[fault.kind.replace("-", "_").upper()]
    detail = None if fault.detail is None else json.dumps(fault.detail).encode()
    return invoke_types.Fault(kind, fault.message, detail, JSON if detail else None)


def _lifted(fault: invoke_types.Fault) -> Fault:
    detail: Any = fault.detail
    if detail is not None and fault.content_type == JSON:
        try:
            detail = loads(detail)
        except ValueError:
            pass  # Another component's bytes: they are handed on as they are.
    return Fault(fault.kind.name.replace("_", "-").lower(), fault.message, detail)
