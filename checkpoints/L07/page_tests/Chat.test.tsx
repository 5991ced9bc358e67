import { cleanup, render } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Chat } from "../app/page/src/Chat";
import type { Config } from "../app/page/src/config";
import type { Session } from "../app/page/src/session";

let options: any;

class RecordingElement extends HTMLElement {
  setOptions(given: object) {
    options = given;
  }
}
customElements.define("openai-chatkit", RecordingElement);

const config: Config = {
  mode: "bearer",
  endpoint: "/chatkit",
  issuer: null,
  users: [],
  script: "/chatkit.js",
  domainKey: "key",
};
const session = { token: () => "t", expire: vi.fn() } as unknown as Session;

beforeEach(() => {
  sessionStorage.clear();
  window.happyDOM.setURL("http://127.0.0.1:8007/app/");
});
afterEach(cleanup);

const show = () => {
  render(
    <StrictMode>
      <Chat config={config} session={session} user="alice" />
    </StrictMode>,
  );
  return document.querySelector("openai-chatkit")!;
};

test("requests go to the endpoint, through the page's own fetch", async () => {
  const sent = vi.fn<typeof fetch>(async () => new Response("", { status: 401 }));
  vi.stubGlobal("fetch", sent);
  show();
  expect(options.api).toMatchObject({ url: "http://127.0.0.1:8007/chatkit", domainKey: "key" });
  await options.api.fetch(options.api.url, { method: "POST", body: "{}" });
  expect(new Headers(sent.mock.lastCall![1]!.headers).get("Authorization")).toBe("Bearer t");
  expect(session.expire).toHaveBeenCalledOnce();
});

test("the conversation is gone on with, by whoever had it", () => {
  const element = show();
  expect(options.initialThread).toBeNull();
  element.dispatchEvent(
    new CustomEvent("chatkit.thread.change", { detail: { threadId: "thr_1" } }),
  );
  cleanup();
  const again = show();
  expect(options.initialThread).toBe("thr_1");
  again.dispatchEvent(new CustomEvent("chatkit.thread.change", { detail: { threadId: null } }));
  cleanup();
  show();
  expect(options.initialThread).toBeNull();
});
