// SPDX-License-Identifier: Apache-2.0
import path from "node:path";

/** Keeps a picture for docs/images where BLINDBOX_SCREENSHOTS names a folder. */
export async function keep(page, name) {
  const folder = process.env.BLINDBOX_SCREENSHOTS;
  if (folder) await page.screenshot({ path: path.join(folder, `${name}.png`) });
}
