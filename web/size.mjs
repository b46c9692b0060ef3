// What a shop's page loads for the widget, gzipped: the widget with everything it imports, and the worklets.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const LIMIT = 60 * 1024;
const dist = join(dirname(fileURLToPath(import.meta.url)), "dist");
const seen = new Set();

function walk(name) {
  if (seen.has(name)) return;
  seen.add(name);
  const text = readFileSync(join(dist, name), "utf8");
  for (const [, path] of text.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)) walk(path);
}

for (const name of ["widget.js", "moksori.js", "capture-worklet.js", "playback-worklet.js"]) walk(name);
let total = 0;
for (const name of seen) {
  const size = gzipSync(readFileSync(join(dist, name)), { level: 9 }).length;
  total += size;
  console.log(`${String(size).padStart(7)}  ${name}`);
}
console.log(`${String(total).padStart(7)}  of ${LIMIT} bytes`);
if (total > LIMIT) {
  console.error("The widget with its module is larger than it may be.");
  process.exit(1);
}
