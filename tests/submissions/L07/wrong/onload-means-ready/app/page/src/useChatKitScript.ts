import { useCallback, useEffect, useState } from "react";

export type ScriptState = "loading" | "ready" | "failed";

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
    setState("loading");
    const script = document.createElement("script");
    script.src = src;
    script.onload = () => setState("ready");
    script.onerror = () => setState("failed");
    document.head.append(script);
    const timer = setTimeout(() => setState((now) => (now === "loading" ? "failed" : now)), PATIENCE);
    return () => {
      clearTimeout(timer);
      script.remove();
    };
  }, [src, attempt]);

  return { state, retry };
}
