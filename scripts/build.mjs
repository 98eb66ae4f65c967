/**
 * Builds what browsers load into `src/truelift/project/static/built/`: the tracker,
 * the islands and a copy of htmx. A file above its budget fails the build.
 */
import {copyFile, mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {gzipSync} from 'node:zlib';

import {build} from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const built = path.join(root, 'src/truelift/project/static/built');

/** What a page may be made to load, in bytes after gzip. */
const TRACKER_BUDGET = 3 * 1024;
const ISLAND_BUDGET = 6 * 1024;

const bundle = async (entry, {target, format, mangle}) => {
  const result = await build({
    entryPoints: [path.join(root, entry)],
    bundle: true,
    minify: true,
    legalComments: 'none',
    write: false,
    logLevel: 'warning',
    charset: 'utf8',
    target,
    format,
    ...(mangle ? {mangleProps: mangle} : {}),
  });
  return result.outputFiles[0].contents;
};

await mkdir(built, {recursive: true});
const islands = (await readdir(path.join(root, 'islands'))).filter((name) => name.endsWith('.ts'));
const entries = [
  {entry: 'tracker/src/main.ts', out: 't.js', budget: TRACKER_BUDGET, target: 'es2020', format: 'iife'},
  ...islands.map((name) => ({
    entry: `islands/${name}`,
    out: name.replace(/\.ts$/, '.js'),
    budget: ISLAND_BUDGET,
    target: 'es2022',
    format: 'esm',
  })),
];

let over = 0;
for (const {entry, out, budget, ...options} of entries) {
  const contents = await bundle(entry, options);
  const gzipped = gzipSync(contents, {level: 9}).length;
  await writeFile(path.join(built, out), contents);
  const verdict = gzipped > budget ? 'OVER BUDGET' : 'ok';
  if (gzipped > budget) over += 1;
  console.log(
    `${out.padEnd(18)} ${String(contents.length).padStart(6)} B  gzip ${String(gzipped).padStart(5)} B of ${budget} B  ${verdict}`,
  );
}

const htmx = path.join(root, 'node_modules/htmx.org/dist/htmx.min.js');
await copyFile(htmx, path.join(built, 'htmx.min.js'));
console.log(`htmx.min.js        ${String((await readFile(htmx)).length).padStart(6)} B  copied`);

if (over > 0) {
  console.error(`${over} file(s) above their budget: make them smaller, or move what is optional into an entry of its own.`);
  process.exit(1);
}
