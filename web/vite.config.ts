import { fileURLToPath } from "node:url";

import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const service = process.env.LATCHKEY_URL ?? "http://localhost:8080";

// The built files are part of the program: the same sources give the same bytes, and nothing in them runs or loads in a way
// that the console's Content-Security-Policy forbids.
export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@latchkey-dev/sdk": fileURLToPath(new URL("../sdk/typescript/src/index.ts", import.meta.url)) } }, // need not be built before
  build: {
    outDir: "../internal/console/dist",
    emptyOutDir: true,
    assetsInlineLimit: 0, // no data: addresses
    modulePreload: { polyfill: false },
    target: "es2024",
    license: { fileName: "licenses.md" },
  },
  // "npm run dev" shows the console with a running service behind it.
  server: { proxy: { "/api": { target: service }, "/readyz": { target: service }, "/docs": { target: service } } },
});
