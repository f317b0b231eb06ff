"""Events: `mecha:pubsub`.

    Subscriber = pubsub.subscriber(handle)

    def handle(delivery):
        order = pubsub.json_of(delivery)
        pubsub.open("orders.valid").publish_json(order, id=delivery.event.id)
"""

import json
from typing import Any, Callable

from componentize_py_types import Err
from wit_world.imports import pubsub_types, topics
from wit_world.imports.delivery_types import Delivery, Nack_Reject, Nack_Retry

from .data import loads
from .errors import Error, raised

__all__ = ["Delivery", "Error", "Reject", "Retry", "Topic", "json_of", "open", "subscriber"]


class Reject(Exception):
    """Delivering again would not help: the event goes to the dead-letter topic, with this text."""


class Retry(Exception):
    """Deliver again; not before `after_ms` if given, else when the subscription's policy says."""

    def __init__(self, after_ms: int | None = None) -> None:
        super().__init__("deliver again")
        self.after_ms = after_ms


def subscriber(handle: Callable[[Delivery], None]) -> type:
    """The class `Subscriber` that the world exports. A handler that returns has acknowledged.

    `Reject` and `Retry` say otherwise. What else it raises is a trap, with the traceback in the host's log, and
    counts as a retry.
    """

    class Subscriber:
        def handle(self, delivery: Delivery) -> None:
            try:
                handle(delivery)
            except Reject as why:
                raise Err(Nack_Reject(str(why))) from None
            except Retry as when:
                raise Err(Nack_Retry(when.after_ms)) from None

    return Subscriber


def json_of(delivery: Delivery) -> Any:
    """The event's data as JSON. What is none is rejected: it would be none the next time, too."""
    try:
        return loads(delivery.event.data)
    except ValueError as error:
        raise Reject(f"the event is no JSON: {error}") from None


class Topic:
    """A topic that the manifest lets the component publish to."""

    def __init__(self, raw: pubsub_types.Topic) -> None:
        self.raw = raw

    def publish(
        self,
        data: bytes,
        *,
        content_type: str | None = None,
        id: str | None = None,
        type: str | None = None,
        source: str | None = None,
        subject: str | None = None,
        schema: str | None = None,
        extensions: dict[str, str] | None = None,
        ordering_key: str | None = None,
        delay_ms: int | None = None,
        ttl_ms: int | None = None,
    ) -> str:
        """Publishes an event and returns its id. The host fills in what is `None`.

        An `id` of the component's own makes a repetition harmless: within the topic's window, a second event with
        the same `source` and `id` is not published again.
        """
        message = pubsub_types.Message(
            data=data,
            content_type=content_type,
            id=id,
            event_type=type,
            source=source,
            subject=subject,
            schema=schema,
            extensions=list((extensions or {}).items()),
            ordering_key=ordering_key,
            delay_ms=delay_ms,
            ttl_ms=ttl_ms,
        )
        with raised():
            return self.raw.publish(message)

    def publish_json(self, value: Any, **options: Any) -> str:
        """Publishes a value as JSON; the options are those of `publish`."""
        options.setdefault("content_type", "application/json")
        return self.publish(json.dumps(value).encode(), **options)


def open(name: str) -> Topic:
    """Opens a topic by its name in the manifest."""
    with raised():
        return Topic(topics.open(name))
