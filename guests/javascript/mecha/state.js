// Values that outlive the call: `mecha:state`.
//
//   const store = state.open('main');
//   store.setJson('cart/7', { items: [] }, { ifAbsent: true });
//   const visits = store.increment('visits');

import { increment } from 'mecha:state/counters@0.1.0';
import { open as openStore } from 'mecha:state/stores@0.1.0';
import { decoded, encoded, raised, wide } from './errors.js';

export { HostError } from './errors.js';

/** @typedef {{ ifAbsent?: boolean, ifMatch?: string, ttlMs?: number, contentType?: string }} Options */

/** A store that the manifest grants. What is not here is done with `raw`, as it is generated. */
export class Store {
  /** @param {any} raw */
  constructor(raw) {
    this.raw = raw;
  }

  /**
   * A value with its version: `{ value, etag, contentType, expiresAtMs }`, or `undefined`.
   * @param {string} key
   */
  get(key) {
    return raised(() => this.raw.get(key));
  }

  /**
   * A value that was written as JSON, or `undefined`.
   * @param {string} key
   */
  getJson(key) {
    const item = this.get(key);
    return item === undefined ? undefined : decoded(item.value);
  }

  /**
   * Writes a value and returns its version. With `ifAbsent`, or with a version that is no longer there, it throws a
   * `HostError` of kind `conflict`, and nothing was written.
   * @param {string} key
   * @param {Uint8Array} value
   * @param {Options} [options]
   * @returns {string}
   */
  set(key, value, { ifAbsent = false, ifMatch, ttlMs, contentType } = {}) {
    const options = { precondition: precondition(ifAbsent, ifMatch), ttlMs: wide(ttlMs), contentType };
    return raised(() => this.raw.set(key, value, options));
  }

  /**
   * Writes a value as JSON.
   * @param {string} key
   * @param {unknown} value
   * @param {Options} [options]
   */
  setJson(key, value, options = {}) {
    return this.set(key, encoded(value), { contentType: 'application/json', ...options });
  }

  /**
   * Removes a value. It is no error if there is none.
   * @param {string} key
   * @param {{ ifMatch?: string }} [options]
   */
  delete(key, { ifMatch } = {}) {
    raised(() => this.raw.delete(key, precondition(false, ifMatch)));
  }

  /**
   * Adds to a counter, which begins at 0, and returns what it is now: a BigInt.
   * @param {string} key
   * @param {number | bigint} [delta]
   * @param {{ ttlMs?: number }} [options]
   * @returns {bigint}
   */
  increment(key, delta = 1, { ttlMs } = {}) {
    return raised(() => increment(this.raw, key, BigInt(delta), wide(ttlMs)));
  }

  /**
   * All keys that begin with `prefix`, in their order, with their values; read page by page.
   * @param {string} [prefix]
   * @param {{ reverse?: boolean }} [options]
   * @returns {Generator<[string, any]>}
   */
  *entries(prefix = '', { reverse = false } = {}) {
    let cursor;
    do {
      const page = raised(() => this.raw.scan({ prefix, reverse }, 100, cursor));
      for (const { key, item } of page.entries) yield [key, item];
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
}

/**
 * Opens a store by its name in the manifest.
 * @param {string} name
 */
export function open(name) {
  return raised(() => new Store(openStore(name)));
}

/**
 * @param {boolean} ifAbsent
 * @param {string} [ifMatch]
 */
function precondition(ifAbsent, ifMatch) {
  if (ifAbsent) return { tag: 'absent' };
  return ifMatch === undefined ? undefined : { tag: 'matches', val: ifMatch };
}
