"""Looks at orders, and lets the good ones through to `orders.valid`."""

import re

from mecha import pubsub

MOST_LINES = 100
ARTICLE = re.compile(r"[a-z][a-z0-9-]{0,39}")


def handle(delivery: pubsub.Delivery) -> None:
    order = pubsub.json_of(delivery)
    wrong = problem(order)
    if wrong:
        # Another attempt would find the same: it goes to the dead-letter topic, and who ordered is told why.
        raise pubsub.Reject(wrong)
    try:
        # The same id again: if this event is delivered a second time, the topic knows its successor already.
        pubsub.open("orders.valid").publish_json(
            order, id=delivery.event.id, type="order.valid", subject=delivery.event.subject
        )
    except pubsub.Error as error:
        if error.again:
            raise pubsub.Retry() from None
        raise


def problem(order: object) -> str | None:
    """What is wrong with an order, in words for who ordered."""
    if not isinstance(order, dict) or set(order) != {"customer", "lines"}:
        return "an order has a `customer` and `lines`, and nothing else"
    customer, lines = order["customer"], order["lines"]
    if not isinstance(customer, str) or not 1 <= len(customer) <= 80:
        return "`customer` is a name of 1 to 80 characters"
    if not isinstance(lines, list) or not 1 <= len(lines) <= MOST_LINES:
        return f"`lines` is a list of 1 to {MOST_LINES} lines"
    for number, line in enumerate(lines, start=1):
        if not isinstance(line, dict) or set(line) != {"article", "quantity"}:
            return f"line {number}: a line has an `article` and a `quantity`, and nothing else"
        if not isinstance(line["article"], str) or not ARTICLE.fullmatch(line["article"]):
            return f"line {number}: `article` is a name in lower case"
        quantity = line["quantity"]
        # To Python, `true` is a number.
        if type(quantity) is not int or not 1 <= quantity <= 1000:
            return f"line {number}: `quantity` is a number of 1 to 1000"
    return None


Subscriber = pubsub.subscriber(handle)
