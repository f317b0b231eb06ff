// Makes a component of FOLDER/app.js for the world `component` in FOLDER/wit: node build.mjs FOLDER OUT.wasm

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { componentize } from '@bytecodealliance/componentize-js';

const [folder, out] = process.argv.slice(2).map((path) => resolve(path));
// Imports are found in the working directory and below, and nowhere else.
process.chdir(folder);
const { component } = await componentize({
  sourcePath: resolve(folder, 'app.js'),
  witPath: resolve(folder, 'wit'),
  worldName: 'component',
  // Otherwise the engine imports `wasi:http` for `fetch`, and exports a handler for it.
  disableFeatures: ['http', 'fetch-event'],
});
await mkdir(dirname(out), { recursive: true });
await writeFile(out, component);
