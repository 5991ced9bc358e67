import { useCallback, useEffect, useState } from "react";

export type ScriptState = "loading" | "ready" | "failed";

const TAG = "openai-chatkit";
const PATIENCE = 6_000; // milliseconds, after which a person wants to know

/**
 * Load the script that defines <openai-chatkit>, and say how far it is.
 *
 * `whenDefined` never rejects, so somebody has to say when it is enough. A script that comes later
 * than that is welcome all the same.
 */
export function useChatKitScript(src: string): { state: ScriptState; retry: () => void } {
  const [state, setState] = useState<ScriptState>("loading");
  const [attempt, setAttempt] = useState(0);
  const retry = useCallback(() => setAttempt((count) => count + 1), []);

  useEffect(() => {
    let current = true;
    const become = (next: ScriptState) => current && setState(next);
    const fail = () => {
      script.remove(); // so that the next attempt asks for it anew
      become("failed");
      current = false;
    };

    become("loading");
    const script = scriptOf(src);
    const timer = setTimeout(fail, PATIENCE);
    script.addEventListener("error", fail);
    // Not the script's `load`: it may have to load more before it defines anything.
    customElements.whenDefined(TAG).then(() => {
      clearTimeout(timer);
      become("ready");
    });

    return () => {
      current = false;
      clearTimeout(timer);
      script.removeEventListener("error", fail);
    };
  }, [src, attempt]);

  return { state, retry };
}

/** The script's element, made if need be: an effect runs twice in StrictMode, a script only once. */
function scriptOf(src: string): HTMLScriptElement {
  const there = [...document.scripts].find((script) => script.getAttribute("src") === src);
  if (there) return there;
  const script = document.createElement("script");
  script.src = src;
  document.head.append(script);
  return script;
}
