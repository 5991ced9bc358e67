import { useEffect, useState } from "react";

export type ScriptState = "loading" | "ready" | "failed";

const TAG = "openai-chatkit";

/** Watch the script of index.html. It may have failed before anybody listened, so a timer tells too. */
export function useChatKitScript(src: string): { state: ScriptState; retry: () => void } {
  const [state, setState] = useState<ScriptState>(customElements.get(TAG) ? "ready" : "loading");

  useEffect(() => {
    let gone = false;
    const timer = setTimeout(() => !gone && !customElements.get(TAG) && setState("failed"), 4000);
    customElements.whenDefined(TAG).then(() => !gone && setState("ready"));
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [state === "loading"]);

  const retry = () => {
    const again = document.createElement("script");
    again.src = `${src}?again=${Date.now()}`;
    document.head.append(again);
    setState("loading");
  };

  return { state, retry };
}
