// Serve a page with Vite's hot reload, in front of a lesson's server. Started by checkpoints/live_page.py with
// one argument, JSON: {root, config, packages, port}. Says {"url"} when it serves, and ends when
// its standard input does: whoever started it is gone then.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { root, config, packages, port } = JSON.parse(process.argv[2]);
const vite = createRequire(join(packages, "package.json")).resolve("vite");
const { createServer } = await import(pathToFileURL(vite));

const server = await createServer({
  root,
  configFile: config,
  cacheDir: join(packages, "node_modules", ".vite"),
  logLevel: "warn",
  clearScreen: false,
  server: {
    host: "127.0.0.1",
    port,
    fs: { allow: [root, packages] },
  },
});
await server.listen();
console.log(JSON.stringify({ url: `${new URL(server.resolvedUrls.local[0]).origin}/app/` }));
process.stdin.resume().on("end", () => process.exit());
