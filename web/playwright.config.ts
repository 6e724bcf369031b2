import { defineConfig } from "@playwright/test";

// The browser is the system's own (scripts/need-chromium); nothing is downloaded. Background requests to its makers are off.
export default defineConfig({
  testDir: "tests",
  outputDir: "../bin/console-tests",
  globalSetup: "./tests/build.ts",
  fullyParallel: true,
  workers: Number(process.env.LATCHKEY_TEST_WORKERS ?? 3),
  timeout: 60_000, // generous: the machine may be busy
  expect: { timeout: 15_000 },
  forbidOnly: !!process.env.CI,
  reporter: process.env.CI ? [["dot"]] : [["list"]],
  use: {
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-software-rasterizer", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    },
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    trace: "off", // a trace holds secrets
  },
});
