// Greets who calls, and counts the visits of each in the store `main`.

import { Fault, callee } from './mecha/callee.js';
import * as state from './mecha/state.js';

function greet(request) {
  const name = request?.name;
  if (typeof name !== 'string' || name.length < 1 || name.length > 80) {
    throw new Fault('invalid-request', '`name` is 1 to 80 characters');
  }
  const visits = state.open('main').increment(`visits/${name}`);
  return { greeting: `Hello, ${name}!`, visits: Number(visits) };
}

export const handler = callee({ greet });
