// SPDX-License-Identifier: Apache-2.0
// Puts the parts into the editor: ghost text, the shield, the commands.
import {randomBytes} from 'node:crypto';
import * as vscode from 'vscode';
import {Desk, type Settings} from './desk';
import {ledgerPage, verdictPage} from './html';
import {Neighbours} from './neighbours';
import {ProxyProcess} from './process';
import {parseProxy, Proxy, ProxyError} from './proxy';
import {makeShield, type Colour, type Known} from './status';
import {Watcher} from './watcher';

const kColours: Record<Colour, {foreground?: string; background?: string}> = {
  green: {foreground: 'testing.iconPassed'},
  amber: {background: 'statusBarItem.warningBackground'},
  red: {background: 'statusBarItem.errorBackground'},
  grey: {},
};
const kStartPause = 15_000;

function config(): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration('blindbox');
}

function settings(): Settings {
  const from = config();
  const number = (name: string, otherwise: number): number => from.get<number>(name) ?? otherwise;
  return {
    enabled: from.get<boolean>('enabled') ?? true,
    automatic: from.get<boolean>('automatic') ?? true,
    multiLine: from.get<boolean>('multiLine') ?? true,
    debounceMs: number('debounceMs', 150),
    maxTokens: number('maxTokens', 128),
    maxMs: number('maxMs', 2000),
    prefixBytes: number('prefixBytes', 16384),
    suffixBytes: number('suffixBytes', 4096),
    neighbourBytes: number('neighbourBytes', 8192),
  };
}

class Extension implements vscode.InlineCompletionItemProvider, vscode.Disposable {
  private readonly log = vscode.window.createOutputChannel('BlindBox');
  private readonly item = vscode.window.createStatusBarItem('blindbox.shield', vscode.StatusBarAlignment.Right, 100);
  private readonly neighbours = new Neighbours();
  private readonly child = new ProxyProcess(
    (line) => this.log.appendLine(line),
    (why) => {
      this.log.appendLine(why);
      this.watcher?.refresh();
    },
  );
  private proxy: Proxy | undefined;
  private watcher: Watcher | undefined;
  private desk: Desk | undefined;
  private panel: vscode.WebviewPanel | undefined;
  private shown: 'verdict' | 'ledger' = 'verdict';
  private lastStart = 0;

  constructor() {
    this.item.name = 'BlindBox';
    this.item.command = 'blindbox.showVerdict';
    this.item.show();
    this.connectTo();
  }

  dispose(): void {
    this.desk?.stopAll();
    this.watcher?.dispose();
    this.child.stop();
    for (const one of [this.neighbours, this.item, this.log, this.panel]) one?.dispose();
  }

  /** To the proxy that the settings name. */
  connectTo(): void {
    this.desk?.stopAll();
    this.watcher?.dispose();
    try {
      this.proxy = new Proxy(parseProxy(config().get<string>('proxy') ?? ''), config().get<string>('token') ?? '');
    } catch (error) {
      this.proxy = this.watcher = this.desk = undefined;
      this.show({kind: 'unreachable', why: (error as Error).message});
      return;
    }
    const watcher = new Watcher(this.proxy, (known) => this.show(known));
    this.watcher = watcher;
    this.proxy.onVerdict = (verdict): void => watcher.heard(verdict);
    this.desk = new Desk(this.proxy.fill, (error) => {
      if (error === undefined) return;
      this.log.appendLine(error instanceof Error ? error.message : String(error));
      watcher.failed(error);
    });
  }

  async provideInlineCompletionItems(document: vscode.TextDocument, position: vscode.Position,
                                     context: vscode.InlineCompletionContext,
                                     token: vscode.CancellationToken): Promise<vscode.InlineCompletionItem[]> {
    const wanted = settings();
    const automatic = context.triggerKind === vscode.InlineCompletionTriggerKind.Automatic;
    if (!this.desk || !wanted.enabled || (automatic && !wanted.automatic) || this.paused()) return [];
    if (!(await this.neighbours.mayLeave(document)) || token.isCancellationRequested) return [];
    const offset = document.offsetAt(position);
    const text = document.getText();
    this.neighbours.touch(document, offset);
    // While a menu is open, what it has chosen counts as typed.
    const chosen = context.selectedCompletionInfo;
    const start = chosen ? document.offsetAt(chosen.range.start) : offset;
    const before = text.slice(0, start) + (chosen?.text ?? '');
    const abort = new AbortController();
    const listening = token.onCancellationRequested(() => abort.abort());
    const suggested = await this.desk.want({
      key: document.uri.toString(), before, after: text.slice(offset), automatic,
      extra: () => this.neighbours.around(document, wanted.neighbourBytes),
    }, wanted, abort.signal);
    listening.dispose();
    if (suggested === '' || token.isCancellationRequested) return [];
    const range = chosen ? new vscode.Range(chosen.range.start, position) : new vscode.Range(position, position);
    return [new vscode.InlineCompletionItem((chosen?.text ?? '') + suggested, range)];
  }

  forget(document: vscode.TextDocument): void {
    this.desk?.forget(document.uri.toString());
  }

  async connect(): Promise<void> {
    if (!vscode.workspace.isTrusted) {
      void vscode.window.showWarningMessage('BlindBox starts nothing in a folder that is not trusted.');
      return;
    }
    if (this.watcher?.known.kind === 'status' || this.watcher?.known.kind === 'verdict') {
      void vscode.window.showInformationMessage('BlindBox: a proxy runs already.');
      return;
    }
    try {
      await this.start();
    } catch (error) {
      this.log.appendLine((error as Error).message);
      const what = await vscode.window.showErrorMessage(`BlindBox: ${(error as Error).message}`, 'Settings', 'Log');
      if (what === 'Settings') void vscode.commands.executeCommand('workbench.action.openSettings', 'blindbox.');
      if (what === 'Log') this.log.show();
    }
  }

  async pause(): Promise<void> {
    const known = this.watcher?.known;
    if (!this.proxy || known?.kind !== 'status') {
      void vscode.window.showInformationMessage('BlindBox: this proxy cannot be paused; set "blindbox.enabled" to false.');
      return;
    }
    await this.tell(() => this.proxy?.pause(!known.status.proxy.paused, AbortSignal.timeout(10_000)));
  }

  async attest(): Promise<void> {
    await this.tell(() => this.proxy?.attest(AbortSignal.timeout(60_000)));
  }

  openPage(where = ''): void {
    if (this.proxy) void vscode.env.openExternal(vscode.Uri.parse(new URL(`/.blindbox/${where}`, this.proxy.url).toString()));
  }

  async showVerdict(): Promise<void> {
    this.shown = 'verdict';
    this.openPanel();
    this.render();
  }

  async openLedger(): Promise<void> {
    await this.tell(async () => {
      const ledger = await this.proxy?.ledger(AbortSignal.timeout(10_000));
      if (!ledger) return;
      this.shown = 'ledger';
      const panel = this.openPanel();
      panel.title = 'BlindBox ledger';
      panel.webview.html = ledgerPage(ledger, randomBytes(16).toString('base64'));
    });
  }

  private async tell(what: () => Promise<void> | undefined): Promise<void> {
    try {
      await what();
      this.watcher?.refresh();
    } catch (error) {
      const missing = error instanceof ProxyError && error.status === 404;
      const why = missing ? 'this proxy is too old for that' : (error as Error).message;
      void vscode.window.showErrorMessage(`BlindBox: ${why}`);
    }
  }

  private paused(): boolean {
    const known = this.watcher?.known;
    return known?.kind === 'status' && known.status.proxy?.paused === true;
  }

  private openPanel(): vscode.WebviewPanel {
    if (!this.panel) {
      this.panel = vscode.window.createWebviewPanel('blindbox', 'BlindBox verdict', vscode.ViewColumn.Active, {enableScripts: false});
      this.panel.onDidDispose(() => (this.panel = undefined));
    }
    this.panel.reveal();
    return this.panel;
  }

  private render(): void {
    if (!this.panel || this.shown !== 'verdict') return;
    const known = this.watcher?.known ?? {kind: 'unknown'};
    this.panel.title = 'BlindBox verdict';
    this.panel.webview.html = verdictPage(known.kind === 'status' ? known.status : undefined, makeShield(known).tooltip,
                                          randomBytes(16).toString('base64'));
  }

  private show(known: Known): void {
    const shield = makeShield(known);
    const {foreground, background} = kColours[shield.colour];
    this.item.text = `$(${shield.icon}) ${shield.text}`;
    this.item.tooltip = shield.tooltip;
    this.item.color = foreground ? new vscode.ThemeColor(foreground) : undefined;
    this.item.backgroundColor = background ? new vscode.ThemeColor(background) : undefined;
    this.item.accessibilityInformation = {label: `${shield.text}. ${shield.tooltip}`, role: 'button'};
    this.render();
    if (known.kind === 'unreachable') void this.startAgain();
  }

  // By itself where that is wanted and allowed, and not in a hurry: a server that refuses would be asked for ever.
  private async startAgain(): Promise<void> {
    if (!vscode.workspace.isTrusted || config().get<boolean>('start') === false) return;
    if ((config().get<string>('server') ?? '').trim() === '' || Date.now() - this.lastStart < kStartPause) return;
    await this.start().catch((error: Error) => {
      this.log.appendLine(error.message);
      this.item.tooltip = error.message;
    });
  }

  private async start(): Promise<void> {
    if (!this.proxy || this.child.running()) return;
    this.lastStart = Date.now();
    const from = config();
    const listen = `${this.proxy.url.hostname}:${this.proxy.url.port || '80'}`;
    await this.child.start({
      path: from.get<string>('path') || 'blindbox', server: from.get<string>('server') ?? '',
      policy: from.get<string>('policy') ?? '', listen,
    });
    this.watcher?.refresh();
  }
}

export function activate(context: vscode.ExtensionContext): void {
  const extension = new Extension();
  const command = (name: string, run: () => unknown): vscode.Disposable =>
    vscode.commands.registerCommand(`blindbox.${name}`, run);
  context.subscriptions.push(
    extension,
    vscode.languages.registerInlineCompletionItemProvider({pattern: '**'}, extension),
    vscode.workspace.onDidCloseTextDocument((document) => extension.forget(document)),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('blindbox.proxy') || event.affectsConfiguration('blindbox.token')) extension.connectTo();
    }),
    command('connect', () => extension.connect()),
    command('pause', () => extension.pause()),
    command('attest', () => extension.attest()),
    command('showVerdict', () => extension.showVerdict()),
    command('openLedger', () => extension.openLedger()),
    command('openPage', () => extension.openPage()),
    command('completeNow', () => vscode.commands.executeCommand('editor.action.inlineSuggest.trigger')),
  );
}

export function deactivate(): void {
  // The subscriptions are disposed of by the editor.
}
