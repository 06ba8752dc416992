import { strict as assert } from "node:assert";
import { test } from "node:test";
import MarkdownIt from "markdown-it";
import { styleRunbooks } from "../src/preview";

const RUNBOOK = `# Title

Stop **main** before the migration.

<!-- a remark -->

> **CloudOps:** It is available.
>
> More of it.

\`\`\`aws
aws rds stop-db-instance --db-instance-identifier main
\`\`\`

\`\`\`json output=01JD3W status=failed
{ "a": "<b>" }
\`\`\`

> A quotation of somebody else.
`;

function rendered(path: string): string {
  const md = styleRunbooks(new MarkdownIt({ html: true }), (status) => `was ${status} & <said>`);
  // As VS Code does it: it parses once, without saying of what, and renders as often as it likes.
  const tokens = md.parse(RUNBOOK, {});
  const env = { currentDocument: { path } };
  const html = md.renderer.render(tokens, md.options, env);
  assert.equal(md.renderer.render(tokens, md.options, env), html);
  return html;
}

test("questions, answers, commands and outputs of a runbook are told apart", () => {
  const html = rendered("/books/friday.cloudops.md");
  assert.match(html, /<p class="cloudops-turn">Stop/);
  assert.match(html, /<blockquote class="cloudops-answer">/);
  assert.equal(html.split("cloudops-answer").length, 2);
  assert.match(html, /<div class="cloudops-command">\s*<pre>/);
  assert.match(html, /<div class="cloudops-output cloudops-failed">/);
  assert.match(html, /was failed &amp; &lt;said&gt;/);
  assert.match(html, /&lt;b&gt;/);
});

test("other Markdown files are left as they are", () => {
  assert.equal(rendered("/books/readme.md"), new MarkdownIt({ html: true }).render(RUNBOOK));
});
