import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";

export default defineConfig(({ command, mode }) => {
  // Where the Python server is, while Vite serves the page itself.
  const { CHATKIT_SERVER = "http://127.0.0.1:8007" } = loadEnv(mode, ".", "CHATKIT_");
  return {
    // Built, the page works below any path; Vite's own server gives it the same one as Python's.
    base: command === "build" ? "./" : "/app/",
    plugins: [react()],
    server: {
      host: "127.0.0.1",
      // One origin for the page, as in production. The server is told of that origin too (Host): it
      // compares it with the one that the browser names.
      proxy: { "^/(api|bff|chatkit|console)\\b": { target: CHATKIT_SERVER, changeOrigin: false } },
    },
  };
});
