// SPDX-License-Identifier: Apache-2.0
// Bundles the extension into dist/, or with --tests each test into out/.
import {copyFileSync, readdirSync, rmSync} from 'node:fs';
import {build} from 'esbuild';

const tests = process.argv.includes('--tests');
const folder = tests ? 'out' : 'dist';
rmSync(folder, {recursive: true, force: true});
await build({
  entryPoints: tests ? readdirSync('test').filter((name) => name.endsWith('.test.ts')).map((name) => `test/${name}`)
                     : ['src/extension.ts'],
  outdir: folder,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node18',
  external: ['vscode'],
  minify: !tests,
  legalComments: 'none',
});
// The licence of what is bundled.
if (!tests) copyFileSync('node_modules/ignore/LICENSE-MIT', 'dist/LICENSE.ignore.txt');
