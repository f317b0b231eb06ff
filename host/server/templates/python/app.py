"""Greets who calls, and counts the visits of each in the store `main`."""

from mecha import invoke, state


def greet(request, caller):
    name = request.get("name") if isinstance(request, dict) else None
    if not isinstance(name, str) or not 1 <= len(name) <= 80:
        raise invoke.Fault("invalid-request", "`name` is 1 to 80 characters")
    visits = state.open("main").increment(f"visits/{name}")
    return {"greeting": f"Hello, {name}!", "visits": visits}


Callee = invoke.callee({"greet": greet})
