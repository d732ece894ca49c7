// The tests of npm's http-cache-tests, and the origin that they want. It prints the origin's address, reads that of the
// cache in front of it (one line), and prints the result of every test as one line of JSON.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import fetch from 'node-fetch';
import { runTests, getResults } from 'http-cache-tests/client/runner.mjs';
import suites from 'http-cache-tests/tests/index.mjs';
import surrogate from 'http-cache-tests/tests/surrogate-control.mjs';
import handleConfig from 'http-cache-tests/server/handle-config.mjs';
import handleState from 'http-cache-tests/server/handle-state.mjs';
import handleTest from 'http-cache-tests/server/handle-test.mjs';

const handlers = { config: handleConfig, state: handleState, test: handleTest };
const all = [...suites, surrogate];
const only = process.argv[2];
const chosen = only ? all.map((s) => ({ ...s, tests: s.tests.filter((t) => t.id === only) })) : all;
if (only) for (const s of chosen) for (const t of s.tests) t.dump = true;

const origin = createServer((request, response) => {
  const [what, ...rest] = new URL(request.url, 'http://origin').pathname.slice(1).split('/');
  const handle = handlers[what];
  if (handle) return handle(rest, request, response);
  response.writeHead(404).end();
});

const log = console.log; // the package logs too
if (!only) console.log = () => {};

origin.listen(0, '127.0.0.1', async () => {
  log(`origin http://127.0.0.1:${origin.address().port}`);
  const input = createInterface({ input: process.stdin });
  for await (const base of input) {
    await runTests(chosen, fetch, false, base.trim());
    const results = getResults();
    let lines = '';
    for (const suite of chosen) {
      for (const test of suite.tests) {
        if (test.browser_only) continue;
        const [kind, why] = Array.isArray(results[test.id]) ? results[test.id] : ['', ''];
        lines += `${JSON.stringify({ suite: suite.id, id: test.id, kind: test.kind ?? 'required', name: test.name, depends: test.depends_on ?? [], passed: results[test.id] === true, failure: kind, why })}\n`;
      }
    }
    process.stdout.write(lines, () => process.exit()); // not before all of it is out
    break;
  }
});
