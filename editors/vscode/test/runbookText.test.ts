import { strict as assert } from "node:assert";
import { test } from "node:test";
import { lineOfCommand } from "../src/runbookText";

const RUNBOOK = [
  "# Title",
  "",
  "```sh",
  "$ aws rds describe-db-instances \\",
  "    --db-instance-identifier main",
  "```",
  "",
  "```json output=01AAA status=success",
  '{ "output=01BBB": 1 }',
  "```",
  "",
  "```aws",
  "aws sts get-caller-identity",
  "```",
  "",
  "````text output=01BBB status=failed",
  "no",
  "````",
];

test("the command over an output is found, whatever the ends of lines", () => {
  for (const end of ["\n", "\r\n"]) {
    assert.equal(lineOfCommand(RUNBOOK.join(end), "01AAA"), 3);
    assert.equal(lineOfCommand(RUNBOOK.join(end), "01BBB"), 12);
  }
});

test("an output that is gone has no command", () => {
  assert.equal(lineOfCommand(RUNBOOK.join("\n"), "01A"), undefined);
  assert.equal(lineOfCommand("", "01AAA"), undefined);
});
