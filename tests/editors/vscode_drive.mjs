// SPDX-License-Identifier: Apache-2.0
// A person at the extension, in code-server in Chromium. Says what it saw as one line of JSON a step on standard output, and
// goes on to the next step for each line on its standard input.
// usage: node vscode_drive.mjs FOLDER-OF-CODE-SERVER EXTENSION.vsix WORKSPACE PROXY-URL PICTURES
import {execFileSync, spawn} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';

const [modules, vsix, workspace, proxy, pictures] = process.argv.slice(2);
const require = createRequire(join(modules, 'node_modules/'));
const {chromium} = require('playwright-core');
const kPatience = 60_000;

const home = mkdtempSync(join(tmpdir(), 'bb-code-'));
const entry = join(modules, 'node_modules/code-server/out/node/entry.js');
const folders = ['--user-data-dir', join(home, 'data'), '--extensions-dir', join(home, 'extensions'), '--config', join(home, 'config')];
const environment = {...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home};
writeFileSync(join(home, 'config'), 'auth: none\n');
mkdirSync(join(home, 'data/User'), {recursive: true});
writeFileSync(join(home, 'data/User/settings.json'), JSON.stringify({
  'security.workspace.trust.enabled': false, 'workbench.startupEditor': 'none', 'editor.quickSuggestions': {other: 'off'},
  'telemetry.telemetryLevel': 'off', 'blindbox.debounceMs': 50, 'blindbox.maxTokens': 16, 'editor.inlineSuggest.showToolbar': 'never',
  'editor.autoClosingBrackets': 'never', 'workbench.tips.enabled': false, 'window.restoreWindows': 'none',
}));
mkdirSync(join(home, 'data/Machine'), {recursive: true});
writeFileSync(join(home, 'data/Machine/settings.json'), JSON.stringify({'blindbox.proxy': proxy}));

const lines = createInterface({input: process.stdin})[Symbol.asyncIterator]();
async function say(step, value) {
  process.stdout.write(`${JSON.stringify({step, ...value})}\n`);
  await lines.next();
}

execFileSync(process.execPath, [entry, ...folders, '--install-extension', vsix], {env: environment, stdio: 'pipe'});
const server = spawn(process.execPath, [entry, ...folders, '--auth', 'none', '--bind-addr', '127.0.0.1:0', '--disable-telemetry',
                                        '--disable-update-check', '--disable-workspace-trust', workspace],
                     {env: environment, stdio: ['ignore', 'pipe', 'inherit']});
let browser;
let page;
try {
  const url = await new Promise((resolve, reject) => {
    let said = '';
    server.stdout.setEncoding('utf8').on('data', (piece) => {
      said += piece;
      const found = /HTTP server listening on (http:\/\/\S+)/.exec(said);
      if (found) resolve(found[1].replace(/\/$/, ''));
    });
    server.on('exit', () => reject(new Error(`code-server ended: ${said}`)));
  });
  browser = await chromium.launch({executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox']});
  page = await browser.newPage({viewport: {width: 1200, height: 700}});
  page.setDefaultTimeout(kPatience);
  await page.goto(`${url}/?folder=${encodeURIComponent(workspace)}`);
  const shield = page.locator('.statusbar-item[id$="blindbox.shield"]');
  const picture = (name) => page.screenshot({path: join(pictures, `${name}.png`)});
  const settles = async (text) => {
    await shield.filter({hasText: text}).waitFor();
    return {text: (await shield.innerText()).trim(), label: await shield.getAttribute('aria-label')};
  };

  await page.locator('.explorer-folders-view .monaco-list-row', {hasText: 'a.py'}).dblclick();
  await page.locator('.editor-instance .view-lines').waitFor();
  await say('shield', await settles(process.env.EXPECTED_SHIELD ?? 'EMULATED'));

  const text = async () => (await page.locator('.editor-instance .view-lines').innerText()).replaceAll('\u00a0', ' ');
  const ghost = page.locator('.ghost-text, .ghost-text-decoration, .ghost-text-decoration-preview').first();
  await page.locator('.editor-instance .view-lines').click();
  await page.keyboard.press('Control+End');
  // The editor indents the second line by itself.
  await page.keyboard.type('def add(a, b):\nreturn ', {delay: 30});
  await ghost.waitFor();
  const offered = (await ghost.innerText()).replaceAll('\u00a0', ' ');
  await picture('vscode-ghost-text');
  const before = await text();
  await page.keyboard.press('Tab');
  await ghost.waitFor({state: 'detached'});
  await say('accepted', {offered, before, after: await text()});

  // The engine stands still now: a request is on its way when somebody types on, and ends when they go elsewhere.
  const active = async (wanted) => {
    while ((await (await fetch(`${proxy}/.blindbox/api/status`)).json()).servers[0].requests.active !== wanted) {
      await page.waitForTimeout(50);
    }
  };
  await page.keyboard.press('Control+End');
  await page.keyboard.type('\nzebra', {delay: 5});
  await active(1);
  await page.keyboard.type(' = "typed on"', {delay: 5});
  await page.keyboard.press('ArrowUp');
  await active(0);
  await say('typed on', {after: await text()});

  // The server changes behind the proxy before this goes on.
  await page.keyboard.press('Control+End');
  await page.keyboard.type('\nx = ', {delay: 30});
  const refused = await settles('REFUSED');
  await picture('vscode-refused');
  await shield.click();
  await page.locator('.tab', {hasText: 'BlindBox verdict'}).waitFor();
  await say('refused', refused);
} catch (error) {
  await page?.screenshot({path: join(pictures, 'vscode-failed.png')}).catch(() => {});
  throw error;
} finally {
  await browser?.close();
  server.removeAllListeners('exit');
  server.kill();
  await new Promise((resolve) => (server.exitCode === null ? server.on('exit', resolve) : resolve()));
  rmSync(home, {recursive: true, force: true, maxRetries: 5});
  process.stdin.destroy();  // or whoever writes there is waited for
}
