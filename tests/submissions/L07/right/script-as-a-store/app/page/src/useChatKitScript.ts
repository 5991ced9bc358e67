import { useEffect, useSyncExternalStore } from "react";

export type ScriptState = "loading" | "ready" | "failed";

const TAG = "openai-chatkit";
const SECONDS = 5;

let state: ScriptState = "loading";
let script: HTMLScriptElement | null = null;
let timer = 0;
const listeners = new Set<() => void>();

function become(next: ScriptState) {
  if (state === "ready") return;
  state = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function load(src: string) {
  script?.remove();
  clearTimeout(timer);
  become("loading");
  script = Object.assign(document.createElement("script"), { src, async: true });
  script.onerror = () => become("failed");
  timer = window.setTimeout(() => become("failed"), SECONDS * 1000);
  document.body.append(script);
}

customElements.whenDefined(TAG).then(() => become("ready"));

/** How far the script is that defines <openai-chatkit>. */
export function useChatKitScript(src: string): { state: ScriptState; retry: () => void } {
  useEffect(() => {
    if (!script) load(src);
  }, [src]);
  return { state: useSyncExternalStore(subscribe, () => state), retry: () => load(src) };
}
