import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Complaint, fetched } from "../src/installerOutput";

function heard(...lines: string[]): Complaint {
  const complaint = new Complaint();
  for (const line of lines) {
    complaint.hear(line);
  }
  return complaint;
}

const RETRYING = (left: number): string =>
  `WARNING: Retrying (Retry(total=${String(left)}, connect=None, read=None, redirect=None, status=None)) after connection broken by 'NewConnectionError('<pip._vendor.urllib3.connection.HTTPConnection object at 0x7fd8af5f36d0>: Failed to establish a new connection: [Errno 111] Connection refused')': /simple/attrs/`;

test("an index that is not reached is told from a package that is not there", () => {
  const pip = heard(
    RETRYING(1),
    RETRYING(0),
    "ERROR: Could not find a version that satisfies the requirement attrs==23.1.0 (from versions: none)",
    "ERROR: No matching distribution found for attrs==23.1.0",
  );
  assert.ok(pip.isUnreachable);
  const uv = heard(
    "error: Request failed after 3 retries in 7.0s",
    "  cause: Failed to fetch: http://127.0.0.1:9/simple/attrs/",
    "  cause: error sending request for url (http://127.0.0.1:9/simple/attrs/)",
  );
  assert.ok(uv.isUnreachable);
});

test("what went wrong is the first error, not the last line", () => {
  const pip = heard(
    RETRYING(4),
    "Collecting attrs==23.1.0",
    "ERROR: Cannot install cloudops-ls because these package versions have conflicting dependencies.",
    "",
    "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/",
  );
  assert.ok(!pip.isUnreachable);
  assert.match(pip.text, /^Cannot install cloudops-ls/);
  assert.equal(heard("Segmentation fault", "").text, "Segmentation fault");
});

test("what is fetched is shown by its name alone", () => {
  const lines = {
    "Collecting sqlalchemy==2.0.50 (from cloudops-ls==0.1.0)": "sqlalchemy",
    "  Downloading https://files.example/cfn-lint-1.2.whl.metadata (2 kB)": "cfn-lint",
    "Downloading importlib_metadata-10.2.0-py3-none-any.whl (27 kB)": "importlib_metadata",
    "Downloading ruamel.yaml-0.18-py3-none-any.whl (27 kB)": "ruamel.yaml",
    "Installing collected packages: attrs": undefined,
  };
  for (const [line, name] of Object.entries(lines)) {
    assert.equal(fetched(line), name);
  }
});
