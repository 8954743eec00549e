// SPDX-License-Identifier: Apache-2.0
// .blindboxignore (gitignore syntax): files of which nothing may leave this machine. A file is judged by those of every
// folder above it, the innermost first, as git does.
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import ignore, {type Ignore} from 'ignore';

export const kIgnoreFile = '.blindboxignore';
const kCap = 256 * 1024;

interface Known {
  mtimeMs: number;
  size: number;
  rules: Ignore | 'all';
}

export class IgnoreFiles {
  private readonly known = new Map<string, Known>();

  /** Whether something of the file may leave. What cannot be judged may not. */
  async mayLeave(file: string): Promise<boolean> {
    if (!path.isAbsolute(file)) return false;
    // Under either name: a link must not lead around the rules.
    const real = await fs.realpath(file).catch(() => file);
    for (const name of new Set([path.normalize(file), real])) {
      if (await this.ignored(name)) return false;
    }
    return true;
  }

  private async ignored(file: string): Promise<boolean> {
    for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
      const rules = await this.rulesOf(folder);
      if (rules === 'all') return true;
      const relative = path.relative(folder, file).split(path.sep).join('/');
      const found = rules?.test(relative);
      if (found?.ignored) return true;
      if (found?.unignored) return false;
      if (folder === path.dirname(folder)) return false;
    }
  }

  private async rulesOf(folder: string): Promise<Ignore | 'all' | undefined> {
    const file = path.join(folder, kIgnoreFile);
    let info;
    try {
      info = await fs.stat(file);
    } catch (error) {
      this.known.delete(file);
      const code = (error as NodeJS.ErrnoException).code;
      return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : 'all';
    }
    const before = this.known.get(file);
    if (before && before.mtimeMs === info.mtimeMs && before.size === info.size) return before.rules;
    const rules = await this.read(file, info.size);
    this.known.set(file, {mtimeMs: info.mtimeMs, size: info.size, rules});
    return rules;
  }

  private async read(file: string, size: number): Promise<Ignore | 'all'> {
    if (size > kCap) return 'all';
    try {
      return ignore({ignorecase: false}).add(await fs.readFile(file, 'utf8'));
    } catch {
      return 'all';
    }
  }
}
