/** Runs the TypeScript tests: bundles each with esbuild into a temporary folder, then `node --test`. */
import {spawnSync} from 'node:child_process';
import {mkdtemp, readdir, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

import {build} from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const folder = path.join(root, 'tracker/test');
const tests = (await readdir(folder)).filter((name) => name.endsWith('.test.ts'));
const out = await mkdtemp(path.join(tmpdir(), 'truelift-front-end-'));
await build({
  entryPoints: tests.map((name) => path.join(folder, name)),
  bundle: true,
  platform: 'node',
  format: 'esm',
  outExtension: {'.js': '.mjs'},
  outdir: out,
  logLevel: 'warning',
});
const files = tests.map((name) => path.join(out, name.replace(/\.ts$/, '.mjs')));
const {status} = spawnSync(process.execPath, ['--test', ...files], {stdio: 'inherit'});
await rm(out, {recursive: true, force: true});
process.exit(status ?? 1);
