"""JSON that may come from anybody."""

import json
import re
from typing import Any

DEEPEST = 200
STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
BRACKET = re.compile(r"[\[\]{}]")


def loads(data: bytes) -> Any:
    """As `json.loads`, but what is nested too deep is a `ValueError`, too.

    The parser is recursive, and here the end of its stack is a trap, not a `RecursionError`.
    """
    text = data.decode()
    # Most texts have so few brackets that they cannot be deep.
    if text.count("[") + text.count("{") > DEEPEST:
        depth = 0
        for bracket in BRACKET.finditer(STRING.sub("", text)):
            depth += 1 if bracket[0] in "[{" else -1
            if depth > DEEPEST:
                raise ValueError(f"nested deeper than {DEEPEST}")
    return json.loads(text)
