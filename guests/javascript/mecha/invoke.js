// Calling other components, with JSON: `mecha:invoke/targets`.
//
//   const { price } = invoke.open('pricing').call('quote', { article: 'tea' });

import { open as openTarget } from 'mecha:invoke/targets@0.1.0';
import { Fault } from './callee.js';
import { HostError, decoded, encoded, raised, wide } from './errors.js';

export { Fault, HostError };

/** A component that the manifest lets this one call. */
export class Target {
  /** @param {any} raw */
  constructor(raw) {
    this.raw = raw;
  }

  /**
   * Calls a method with a JSON value and returns its answer, likewise. Throws `Fault` for what the callee reports,
   * `HostError` for everything else.
   * @param {string} method
   * @param {unknown} [request]
   * @param {{ timeoutMs?: number, idempotencyKey?: string }} [options]
   * @returns {any}
   */
  call(method, request = null, { timeoutMs, idempotencyKey } = {}) {
    const message = { method, data: encoded(request), contentType: 'application/json', metadata: [] };
    try {
      const response = raised(() => this.raw.call(message, { timeoutMs: wide(timeoutMs), idempotencyKey }));
      return response.data.length === 0 ? null : decoded(response.data);
    } catch (error) {
      if (!(error instanceof HostError) || error.kind !== 'fault') throw error;
      throw fault(error.detail);
    }
  }
}

/**
 * Opens a component by its name in the manifest.
 * @param {string} name
 */
export function open(name) {
  return raised(() => new Target(openTarget(name)));
}

/** @param {any} raised */
function fault({ kind, message, detail, contentType }) {
  if (detail !== undefined && contentType === 'application/json') {
    try {
      return new Fault(kind, message, decoded(detail));
    } catch {
      // Another component's bytes: they are handed on as they are.
    }
  }
  const fault = new Fault(kind, message);
  fault.detail = detail;
  return fault;
}
