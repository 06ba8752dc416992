import { execFile, spawn } from "node:child_process";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import * as vscode from "vscode";
import { findExecutable } from "./executable";
import { Complaint, fetched } from "./installerOutput";
import { Notices } from "./notices";

const run = promisify(execFile);
const WINDOWS = process.platform === "win32";
const MARK = "current.json";
/** The newest first that every library of the server has wheels for. */
const PYTHONS = ["python3.13", "python3.12", "python3.11", "python3", "python", "python3.14"];
const UV_PYTHON = ">=3.11,<3.14";
const IS_FIT =
  "import sys, venv, ensurepip; raise SystemExit(0 if sys.version_info >= (3, 11) else 3)";

interface Mark {
  version: string;
  folder: string;
}

/** Asked for when nobody wants the environment any more. */
class Cancelled extends Error {}

/**
 * A Python environment of the extension's own, with the server that came with the extension.
 *
 * It lies in the extension's storage, one folder a version. What says which one counts is written
 * last, so that an installation that was cut short never counts.
 */
export class OwnEnvironment {
  private readonly notices: Notices;
  private readonly root: string;
  private readonly bundle: string;
  private readonly version: string;

  constructor(
    context: vscode.ExtensionContext,
    private readonly output: vscode.LogOutputChannel,
  ) {
    this.notices = new Notices(output);
    this.root = join(context.globalStorageUri.fsPath, "server");
    this.bundle = join(context.extensionUri.fsPath, "dist", "server");
    this.version = (context.extension.packageJSON as { version: string }).version;
  }

  /** Returns the server's program where the environment is there and of this version. */
  async program(): Promise<string | undefined> {
    const mark = await this.mark();
    if (mark?.version !== (await this.wanted())) {
      return undefined;
    }
    return await findExecutable(programIn(join(this.root, mark.folder)));
  }

  /** Whether there is an environment, but of another version. */
  async isOutdated(): Promise<boolean> {
    const mark = await this.mark();
    return mark !== undefined && mark.version !== (await this.wanted());
  }

  /** Makes the environment with progress and cancel; returns the program, or says why not. */
  async install(): Promise<string | undefined> {
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: vscode.l10n.t("Setting up the CloudOps language server"),
      cancellable: true,
    };
    try {
      return await vscode.window.withProgress(options, (progress, cancelled) =>
        this.make((message) => {
          progress.report({ message });
        }, cancelled),
      );
    } catch (error) {
      if (!(error instanceof Cancelled)) {
        this.notices.failure(
          vscode.l10n.t(
            "CloudOps: the language server could not be set up: {0}",
            error instanceof Error ? error.message : String(error),
          ),
          ["setUp"],
        );
      }
      return undefined;
    }
  }

  private async make(
    report: (message: string) => void,
    cancelled: vscode.CancellationToken,
  ): Promise<string> {
    const wheel = await this.wheel();
    if (wheel === undefined) {
      throw new Error(
        vscode.l10n.t(
          "this build of the extension carries no server; install cloudops-ls yourself",
        ),
      );
    }
    const mark: Mark = {
      version: await this.wanted(),
      folder: `${this.version}-${Date.now().toString(36)}`,
    };
    const folder = join(this.root, mark.folder);
    await mkdir(this.root, { recursive: true });
    try {
      await this.fill(folder, wheel, report, cancelled);
      const program = await findExecutable(programIn(folder));
      if (program === undefined) {
        throw new Error(vscode.l10n.t("the installation ended without the program"));
      }
      await run(program, ["--version"]);
      const draft = join(this.root, `${MARK}.${String(process.pid)}`);
      await writeFile(draft, JSON.stringify(mark));
      const replaced = await this.mark();
      await rename(draft, join(this.root, MARK));
      // Other windows may still work with the one that is replaced; those before it are free.
      await this.removeAllBut([mark.folder, replaced?.folder ?? ""]);
      return program;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  private async fill(
    folder: string,
    wheel: string,
    report: (message: string) => void,
    cancelled: vscode.CancellationToken,
  ): Promise<void> {
    const python = join(folder, WINDOWS ? "Scripts" : "bin", WINDOWS ? "python.exe" : "python");
    const packages = ["-c", join(this.bundle, "constraints.txt"), `${wheel}[demo]`];
    const step = (program: string, args: string[]): Promise<void> =>
      this.spawned(program, args, report, cancelled);
    const uv = await findExecutable("uv");
    report(vscode.l10n.t("Creating a Python environment"));
    if (uv !== undefined) {
      await step(uv, ["venv", "--quiet", "--python", UV_PYTHON, folder]);
      report(vscode.l10n.t("Installing the server and its libraries"));
      await step(uv, ["pip", "install", "--python", python, ...packages]);
      return;
    }
    await step(await this.python(), ["-m", "venv", folder]);
    report(vscode.l10n.t("Installing the server and its libraries"));
    const pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input"];
    await step(python, [...pip, "--progress-bar", "off", ...packages]);
  }

  /** Returns a Python that can make the environment. */
  private async python(): Promise<string> {
    const configured = vscode.workspace
      .getConfiguration("cloudops")
      .get<string | null>("server.python", null);
    for (const name of configured === null ? PYTHONS : [configured]) {
      const found = await findExecutable(name);
      if (found === undefined) {
        continue;
      }
      try {
        await run(found, ["-c", IS_FIT]);
        return found;
      } catch (error) {
        this.output.info(
          `${found} is too old, or lacks the modules venv and ensurepip: ${short(error)}`,
        );
      }
    }
    throw new Error(
      vscode.l10n.t(
        "it needs uv, or Python 3.11 or later with its module venv (Debian and Ubuntu: python3-venv)",
      ),
    );
  }

  private spawned(
    program: string,
    args: string[],
    report: (message: string) => void,
    cancelled: vscode.CancellationToken,
  ): Promise<void> {
    this.output.info([program, ...args].join(" "));
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], cwd: this.root });
      const cancelling = cancelled.onCancellationRequested(() => child.kill());
      const complaint = new Complaint();
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          this.output.info(line);
          complaint.hear(line);
          const name = fetched(line);
          if (name !== undefined) {
            report(vscode.l10n.t("Fetching {0}", name));
          } else if (line.startsWith("Installing collected packages")) {
            report(vscode.l10n.t("Installing the server and its libraries"));
          }
        });
      }
      child.on("error", reject);
      child.on("close", (status) => {
        cancelling.dispose();
        if (cancelled.isCancellationRequested) {
          reject(new Cancelled());
        } else if (status === 0) {
          resolve();
        } else {
          reject(new Error(said(complaint) || `${program}: ${String(status)}`));
        }
      });
    });
  }

  private async wheel(): Promise<string | undefined> {
    try {
      const name = (await readdir(this.bundle)).find((file) => file.endsWith(".whl"));
      return name === undefined ? undefined : join(this.bundle, name);
    } catch {
      return undefined;
    }
  }

  /** Names what the environment must hold: the wheel, which a build may change within a version. */
  private async wanted(): Promise<string> {
    try {
      return (await readFile(join(this.bundle, "digest.txt"), "utf8")).trim();
    } catch {
      return this.version;
    }
  }

  private async mark(): Promise<Mark | undefined> {
    try {
      return JSON.parse(await readFile(join(this.root, MARK), "utf8")) as Mark;
    } catch {
      return undefined;
    }
  }

  private async removeAllBut(kept: string[]): Promise<void> {
    for (const entry of await readdir(this.root)) {
      if (!kept.includes(entry) && entry !== MARK) {
        await rm(join(this.root, entry), { recursive: true, force: true });
      }
    }
  }
}

function programIn(folder: string): string {
  return join(folder, WINDOWS ? "Scripts" : "bin", "cloudops-ls");
}

function said(complaint: Complaint): string {
  return complaint.isUnreachable
    ? vscode.l10n.t(
        "the package index, PyPI or the one that is configured for pip and uv, cannot be reached",
      )
    : complaint.text;
}

function short(error: unknown): string {
  return String(error instanceof Error ? error.message : error)
    .split("\n")
    .slice(-2)
    .join(" ");
}
