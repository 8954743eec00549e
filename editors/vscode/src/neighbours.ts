// SPDX-License-Identifier: Apache-2.0
// The other files that someone is at work on: those that were seen or changed last, without those that may not leave.
import * as vscode from 'vscode';
import type {Extra} from './desk';
import {IgnoreFiles} from './ignore';
import {keepAround} from './text';

const kWorthwhile = 128;
const kMost = 16;
const kLargest = 4 << 20;

export class Neighbours implements vscode.Disposable {
  private readonly ignore = new IgnoreFiles();
  // Latest last: where in each document something happened.
  private readonly places = new Map<string, number>();
  private readonly listening: vscode.Disposable[] = [
    vscode.workspace.onDidChangeTextDocument((event) => {
      const change = event.contentChanges.at(-1);
      if (change) this.touch(event.document, change.rangeOffset + change.text.length);
    }),
    vscode.window.onDidChangeActiveTextEditor((editor) => {
      if (editor) this.touch(editor.document, editor.document.offsetAt(editor.selection.active));
    }),
    vscode.workspace.onDidCloseTextDocument((document) => this.places.delete(document.uri.toString())),
  ];

  dispose(): void {
    for (const one of this.listening) one.dispose();
  }

  touch(document: vscode.TextDocument, offset: number): void {
    const key = document.uri.toString();
    this.places.delete(key);
    this.places.set(key, offset);
  }

  /** Of a file by its path; what is in no file yet may leave, and what is neither (settings, diffs, output) may not. */
  async mayLeave(document: vscode.TextDocument): Promise<boolean> {
    if (document.uri.scheme === 'untitled') return true;
    return document.uri.scheme === 'file' && this.ignore.mayLeave(document.uri.fsPath);
  }

  async around(document: vscode.TextDocument, budget: number): Promise<Extra[]> {
    const extras: Extra[] = [];
    const open = new Map(vscode.workspace.textDocuments.map((one) => [one.uri.toString(), one]));
    let left = budget;
    for (const [key, place] of [...this.places].reverse()) {
      if (left < kWorthwhile || extras.length === kMost) break;
      const other = open.get(key);
      if (!other || other === document || other.uri.scheme !== 'file') continue;
      const text = other.getText();
      if (text.length > kLargest || !(await this.mayLeave(other))) continue;
      const kept = keepAround(text, place, left);
      if (kept === '') continue;
      left -= kept.length;
      // No folder above the project is named to the server.
      const folder = vscode.workspace.getWorkspaceFolder(other.uri);
      const name = folder ? vscode.workspace.asRelativePath(other.uri, false) : (other.uri.path.split('/').at(-1) ?? '');
      extras.push({filename: name, text: kept});
    }
    // Names change less often than use does: what the server keeps of it is of use for longer.
    return extras.sort((a, b) => (a.filename < b.filename ? -1 : 1));
  }
}
