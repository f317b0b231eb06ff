// Errors of the host as exceptions. The generated bindings throw an error whose `payload` is `{ tag, val }`.

/**
 * Why a call of the host failed. `kind` is the case's name in the WIT (`no-such-topic`, `busy`), `detail` what it
 * carries.
 */
export class HostError extends Error {
  /**
   * @param {string} kind
   * @param {unknown} [detail]
   */
  constructor(kind, detail) {
    super(detail === undefined ? kind : `${kind}: ${detail}`);
    this.kind = kind;
    this.detail = detail;
  }

  /** Whether the same call may succeed later. After `timeout` it is unknown whether it did already. */
  get again() {
    return ['busy', 'unavailable', 'timeout'].includes(this.kind);
  }
}

/**
 * Makes a call of the host; its errors leave as `HostError`.
 * @template T
 * @param {() => T} call
 * @returns {T}
 */
export function raised(call) {
  try {
    return call();
  } catch (error) {
    const payload = /** @type {any} */ (error)?.payload;
    if (payload?.tag === undefined) throw error;
    throw new HostError(payload.tag, payload.val);
  }
}

/**
 * A number of milliseconds, or of anything else that is 64 bits wide in the WIT and a BigInt in JavaScript.
 * @param {number | bigint | undefined} number
 */
export function wide(number) {
  return number === undefined ? undefined : BigInt(number);
}

/** @param {Uint8Array} data */
export function decoded(data) {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
}

/** @param {unknown} value */
export function encoded(value) {
  return new TextEncoder().encode(JSON.stringify(value) ?? 'null');
}
