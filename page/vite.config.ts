// SPDX-License-Identifier: Apache-2.0
// Plain file names, so that the built page is compared byte by byte and found by the path that the page names.
import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "/.blindbox/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // a data: URL would need a hole in the content security policy
    modulePreload: false, // its helper writes <link> elements for nothing here
    cssCodeSplit: false,
    reportCompressedSize: false,
    rollupOptions: {
      output: {
        entryFileNames: "assets/page.js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/page[extname]",
      },
    },
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/.blindbox/api": "http://127.0.0.1:8790", "/infill": "http://127.0.0.1:8790" },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
