import * as vscode from "vscode";

interface Manifest {
  contributes: { configuration: { properties: Record<string, unknown> } };
}

const EDITORS_OWN = /^cloudops\.(server|trace|suggest)\./;

/**
 * Returns the section `cloudops` with what was set, and nothing else.
 *
 * VS Code would tell its defaults as well, which are the server's own: they must not win over
 * what `config.toml` says.
 */
export function explicitSettings(manifest: unknown): Record<string, unknown> {
  const { properties } = (manifest as Manifest).contributes.configuration;
  const configuration = vscode.workspace.getConfiguration();
  const section: Record<string, unknown> = {};
  for (const name of Object.keys(properties)) {
    const found = configuration.inspect(name);
    // What a folder says that is not trusted does not count, so it is not told as set either.
    const ofFolder = vscode.workspace.isTrusted
      ? [found?.workspaceValue, found?.workspaceFolderValue]
      : [];
    const isSet = [found?.globalValue, ...ofFolder].some((value) => value !== undefined);
    if (isSet && !EDITORS_OWN.test(name)) {
      put(section, name.split(".").slice(1), configuration.get(name));
    }
  }
  return section;
}

function put(section: Record<string, unknown>, path: string[], value: unknown): void {
  const [name = "", ...rest] = path;
  if (rest.length === 0) {
    section[name] = value;
    return;
  }
  section[name] ??= {};
  put(section[name] as Record<string, unknown>, rest, value);
}
