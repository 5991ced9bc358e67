// Build a page with Vite. Started by checkpoints/page.py with one argument, JSON: {root, packages, out}.
// Says what came of it as one line of JSON, {"built": true} or {"message"}.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { root, packages, out } = JSON.parse(process.argv[2]);
const vite = createRequire(join(packages, "package.json")).resolve("vite");
const { build } = await import(pathToFileURL(vite));

try {
  await build({
    root,
    configFile: join(root, "vite.config.ts"),
    envFile: false,
    logLevel: "silent",
    build: { outDir: out, emptyOutDir: true },
  });
  console.log(JSON.stringify({ built: true }));
} catch (error) {
  console.log(JSON.stringify({ message: (error.errors?.[0] ?? error).message }));
}
