// Says whether l10n/bundle.l10n.json holds exactly the strings of the sources.
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";

const BUNDLE = "bundle.l10n.json";
execFileSync("npx", ["--no", "vscode-l10n-dev", "export", "--outDir", "out", "src"]);
const [committed, current] = await Promise.all(
  ["l10n", "out"].map((folder) => readFile(`${folder}/${BUNDLE}`, "utf8").then(JSON.parse)),
);
const keys = (bundle) => JSON.stringify(Object.keys(bundle).sort());
if (keys(committed) !== keys(current)) {
  console.error(`l10n/${BUNDLE} is not current: npm run strings`);
  process.exitCode = 1;
}
