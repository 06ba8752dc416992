// Builds the server's wheel into the extension, with the versions of its libraries that are tested.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const ROOT = join("..", "..");
const TARGET = join("dist", "server");

const ours = join(ROOT, ".venv", "bin", "uv");
const uv = existsSync(ours) ? ours : "uv";

await rm(TARGET, { recursive: true, force: true });
await mkdir(TARGET, { recursive: true });
execFileSync(uv, ["build", "--quiet", "--wheel", "--out-dir", TARGET, ROOT], { stdio: "inherit" });
await rm(join(TARGET, ".gitignore"), { force: true });

// Hashes would make pip ask for one of the wheel beside them as well.
const lock = await readFile(join(ROOT, "requirements.lock"), "utf8");
const pins = lock.split("\n").filter((line) => /^[A-Za-z0-9][\w.-]*==/.test(line));
const constraints = pins.map((line) => `${line.replace(/\s*\\$/, "")}\n`).join("");
await writeFile(join(TARGET, "constraints.txt"), constraints);

const wheel = (await readdir(TARGET)).find((name) => name.endsWith(".whl"));
const digest = createHash("sha256").update(await readFile(join(TARGET, wheel)));
await writeFile(join(TARGET, "digest.txt"), `${digest.update(constraints).digest("hex")}\n`);
