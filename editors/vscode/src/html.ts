// SPDX-License-Identifier: Apache-2.0
// The verdict and the ledger as pages without scripts. All text is a server's and is escaped.
import type {Ledger, ServerStatus, Status} from './status';

export function escape(text: unknown): string {
  const marks: Record<string, string> = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;'};
  return String(text ?? '').replace(/[&<>"']/g, (mark) => marks[mark] ?? '');
}

const kStyle = `body{font-family:var(--vscode-font-family);color:var(--vscode-foreground);padding:0 1em}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3em .8em .3em 0;
border-bottom:1px solid var(--vscode-panel-border);overflow-wrap:anywhere}code{font-family:var(--vscode-editor-font-family)}
.failed{color:var(--vscode-errorForeground)}.state{font-size:1.2em;font-weight:bold}`;

// nonce: the only style that the page may have; it runs no script and loads nothing.
function page(title: string, body: string, nonce: string): string {
  const csp = `default-src 'none'; style-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title>` +
    `<meta http-equiv="Content-Security-Policy" content="${csp}"><style nonce="${nonce}">${kStyle}</style></head>` +
    `<body><h1>${escape(title)}</h1>${body}</body></html>`;
}

const row = (cells: unknown[], tag = 'td', kind = ''): string =>
  `<tr${kind ? ` class="${kind}"` : ''}>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')}</tr>`;

const kOutcomes: Record<string, string> = {passed: '✔ passed', failed: '✘ FAILED', not_requested: '– not requested'};

function server(status: ServerStatus): string {
  const emulated = status.emulated ? '<p class="failed">EMULATED, NOT A TEE</p>' : '';
  const error = status.error
    ? `<p class="failed">${[status.error.what, status.error.detail, status.error.hint].map(escape).join('<br>')}</p>` : '';
  const checks = (status.verdict?.checks ?? []).map((check) => row(
    [kOutcomes[check.outcome] ?? check.outcome, check.id, check.expected, check.actual, check.purpose ?? ''], 'td',
    check.outcome === 'failed' ? 'failed' : ''));
  const table = checks.length > 0
    ? `<table>${row(['Outcome', 'Check', 'Expected', 'Found', 'What it is for'], 'th')}${checks.join('')}</table>` : '';
  const chain = (status.chain ?? []).map((link) => row([link.role, link.title, link.detail, link.fingerprint])).join('');
  return `<h2>${escape(status.name)}</h2><p class="state">${escape(status.state)}</p><p>${escape(status.url)}</p>${emulated}` +
    `${error}<p>verified ${escape(status.attested_at ?? 'never')}, next ${escape(status.next_attestation ?? '-')}</p>${table}` +
    (chain ? `<h3>From the silicon to the model</h3><table>${chain}</table>` : '');
}

export function verdictPage(status: Status | undefined, why: string, nonce: string): string {
  const body = status ? status.servers.map(server).join('') : '';
  return page('BlindBox: the verdict', `<p class="state">${escape(why)}</p>${body}`, nonce);
}

export function ledgerPage(ledger: Ledger, nonce: string): string {
  const {sums} = ledger;
  const rows = ledger.entries.map((entry) => row(
    [entry.time, entry.server, `${entry.method} ${entry.path}`, entry.status, entry.bytes_out, entry.bytes_in, entry.outcome,
      (entry.findings ?? []).join(', ')], 'td', entry.outcome === 'refused' ? 'failed' : ''));
  const head = row(['Time', 'Server', 'Request', 'Status', 'Bytes out', 'Bytes in', 'Outcome', 'Secrets found'], 'th');
  return page('BlindBox: what left this machine',
    `<p>${escape(sums.requests)} requests, ${escape(sums.bytes_out)} bytes out, ${escape(sums.bytes_in)} in, ` +
    `${escape(sums.refused)} refused</p><table>${head}${rows.join('')}</table>`, nonce);
}
