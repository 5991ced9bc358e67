export type ScriptState = "loading" | "ready" | "failed";

/**
 * Load the script that defines <openai-chatkit>, and say how far it is.
 *
 * `state` is "loading" first, and "ready" once the element is defined. It is "failed" when the script
 * cannot be loaded, and after a few seconds of nothing. `retry` tries again. The script is in the page
 * only once, also in StrictMode, where each effect runs twice.
 */
export function useChatKitScript(src: string): { state: ScriptState; retry: () => void } {
  throw new Error("src/useChatKitScript.ts is not written yet: section 3.");
}
