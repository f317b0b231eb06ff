// Being called by other components, with JSON: `mecha:invoke/handler`.
//
//   const callee = invoke.callee({ quote: (request, caller) => ({ price: 12 }) });
//   export { callee as 'mecha:invoke/handler@0.1.0' };

import { decoded, encoded } from './errors.js';

const JSON_TYPE = 'application/json';

/**
 * What a callee reports to its caller. `kind` is `invalid-request`, `not-found`, `conflict`, `denied`, `unavailable`,
 * `unknown-method` or `internal`; `detail` is any JSON value.
 */
export class Fault extends Error {
  /**
   * @param {string} kind
   * @param {string} message
   * @param {unknown} [detail]
   */
  constructor(kind, message, detail) {
    super(message);
    this.kind = kind;
    this.detail = detail;
    this.payload = {
      kind,
      message,
      detail: detail === undefined ? undefined : encoded(detail),
      contentType: detail === undefined ? undefined : JSON_TYPE,
    };
  }
}

/**
 * What the world exports as `mecha:invoke/handler`: a function of `(request, caller)` for each method. Request and
 * answer are JSON values. A function throws `Fault` to report one; what else it throws is a trap.
 * @param {Record<string, (request: any, caller: any) => unknown>} methods
 */
export function callee(methods) {
  return {
    /**
     * @param {any} caller
     * @param {any} request
     */
    async handle(caller, request) {
      // Own properties only: `constructor` is no method.
      if (!Object.hasOwn(methods, request.method)) {
        throw new Fault('unknown-method', `there is no method \`${request.method}\``);
      }
      const answer = await methods[request.method](requested(request.data), caller);
      return { data: encoded(answer), contentType: JSON_TYPE, metadata: [] };
    },
  };
}

/** @param {Uint8Array} data */
function requested(data) {
  if (data.length === 0) return null;
  try {
    return decoded(data);
  } catch (error) {
    throw new Fault('invalid-request', `the request is no JSON: ${/** @type {Error} */ (error).message}`);
  }
}
