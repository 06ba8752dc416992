// Bundles the extension into one file, beside the licences of what went into it.
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const production = process.argv.includes("--production");

const { metafile } = await build({
  entryPoints: ["src/extension.ts"],
  outfile: "dist/extension.js",
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node22",
  external: ["vscode"],
  minify: production,
  sourcemap: !production,
  metafile: true,
  logLevel: "warning",
});

const folders = new Set(
  Object.keys(metafile.inputs)
    .map((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
    .filter((folder) => folder !== undefined),
);
const notices = [];
for (const folder of [...folders].sort()) {
  const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) {
    throw new Error(`${name} (${license}) carries no licence text`);
  }
  const text = await readFile(`${folder}/${file}`, "utf8");
  notices.push(`${name} ${version}\n\n${text.trim()}\n`);
}
await mkdir("dist", { recursive: true });

// "How to Fix" shows what the documentation says, also without a network.
const page = await readFile("../../docs/vscode.md", "utf8");
const troubles = /^## Troubleshooting\n[^]*?(?=^## |(?![^]))/m.exec(page);
if (troubles === null) {
  throw new Error("docs/vscode.md has no section Troubleshooting");
}
await writeFile("dist/troubleshooting.md", troubles[0].replace(/^## /, "# "));

await writeFile("dist/third-party-licenses.txt", notices.join(`\n${"-".repeat(72)}\n\n`));
