// Events: `mecha:pubsub`.
//
//   export const handler = pubsub.subscriber((delivery) => {
//     const order = pubsub.json(delivery);
//     pubsub.open('orders.valid').publishJson(order, { id: delivery.event.id });
//   });

import { open as openTopic } from 'mecha:pubsub/topics@0.1.0';
import { decoded, encoded, raised, wide } from './errors.js';

export { HostError } from './errors.js';

/** Delivering again would not help: the event goes to the dead-letter topic, with this text. */
export class Reject extends Error {
  /** @param {string} why */
  constructor(why) {
    super(why);
    this.payload = { tag: 'reject', val: why };
  }
}

/** Deliver again; not before `afterMs` if given, else when the subscription's policy says. */
export class Retry extends Error {
  /** @param {number} [afterMs] */
  constructor(afterMs) {
    super('deliver again');
    this.payload = { tag: 'retry', val: wide(afterMs) };
  }
}

/**
 * What the world exports as `mecha:pubsub/handler`. A handler that returns has acknowledged; it throws `Reject` or
 * `Retry` otherwise. What else it throws is a trap and counts as a retry.
 * @param {(delivery: any) => unknown} handle
 */
export function subscriber(handle) {
  return {
    /** @param {any} delivery */
    async handle(delivery) {
      await handle(delivery);
    },
  };
}

/**
 * The event's data as JSON. What is none is rejected: it would be none the next time, too.
 * @param {any} delivery
 */
export function json(delivery) {
  try {
    return decoded(delivery.event.data);
  } catch (error) {
    throw new Reject(`the event is no JSON: ${/** @type {Error} */ (error).message}`);
  }
}

/**
 * What an event may have besides its data. The host fills in what is absent. An `id` of the component's own makes a
 * repetition harmless: within the topic's window, a second event with the same `source` and `id` is not published
 * again.
 * @typedef {{
 *   contentType?: string, id?: string, type?: string, source?: string, subject?: string, schema?: string,
 *   extensions?: Record<string, string>, orderingKey?: string, delayMs?: number, ttlMs?: number,
 * }} Options
 */

/** A topic that the manifest lets the component publish to. */
export class Topic {
  /** @param {any} raw */
  constructor(raw) {
    this.raw = raw;
  }

  /**
   * Publishes an event and returns its id.
   * @param {Uint8Array} data
   * @param {Options} [options]
   * @returns {string}
   */
  publish(data, { type, extensions = {}, delayMs, ttlMs, ...others } = {}) {
    const message = {
      ...others,
      data,
      eventType: type,
      extensions: Object.entries(extensions),
      delayMs: wide(delayMs),
      ttlMs: wide(ttlMs),
    };
    return raised(() => this.raw.publish(message));
  }

  /**
   * Publishes a value as JSON.
   * @param {unknown} value
   * @param {Options} [options]
   */
  publishJson(value, options = {}) {
    return this.publish(encoded(value), { contentType: 'application/json', ...options });
  }
}

/**
 * Opens a topic by its name in the manifest.
 * @param {string} name
 */
export function open(name) {
  return raised(() => new Topic(openTopic(name)));
}
