// Runs the tests of what needs no editor with Node's own runner.
import { spawnSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import { build } from "esbuild";

const tests = (await readdir("test")).filter((name) => name.endsWith(".test.ts"));
await build({
  entryPoints: tests.map((name) => `test/${name}`),
  outdir: "out/test",
  outExtension: { ".js": ".cjs" },
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  logLevel: "warning",
});
const built = tests.map((name) => `out/test/${name.replace(/\.ts$/, ".cjs")}`);
process.exitCode = spawnSync(process.execPath, ["--test", ...built], { stdio: "inherit" }).status;
