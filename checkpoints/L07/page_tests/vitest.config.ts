import { defineConfig } from "vitest/config";

const settings = { disableJavaScriptFileLoading: true, handleDisabledFileLoadingAsSuccess: true };

export default defineConfig({
  // One React for the tests and for what they test, whether or not that has modules of its own.
  resolve: { dedupe: ["react", "react-dom", "@openai/chatkit-react"] },
  test: {
    environment: "happy-dom",
    environmentOptions: { happyDOM: { settings } }, // a script that is put in loads, and does nothing
    include: ["*.test.{ts,tsx}"],
    restoreMocks: true,
  },
});
