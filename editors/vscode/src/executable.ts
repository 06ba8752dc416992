import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";

/** Returns the full path of a program given by full path or by its name on PATH. */
export async function findExecutable(program: string): Promise<string | undefined> {
  if (program === "") {
    return undefined;
  }
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const places = isAbsolute(program) ? [program] : folders.map((folder) => join(folder, program));
  // Node starts only real programs without a shell, so .cmd and .bat are no candidates.
  const endings = process.platform === "win32" ? ["", ".exe"] : [""];
  for (const place of places) {
    for (const ending of endings) {
      if (await isExecutable(place + ending)) {
        return place + ending;
      }
    }
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
