import { beforeEach, expect, test, vi } from "vitest";
import { chatFetch } from "../app/page/src/chatFetch";

const sent = vi.fn<typeof fetch>();
let token: string | null;
const onUnauthorized = vi.fn();
const send = chatFetch({ token: () => token, onUnauthorized });
const body = JSON.stringify({ type: "threads.list", params: {} });

beforeEach(() => {
  token = "one";
  onUnauthorized.mockReset();
  sent.mockReset().mockImplementation(async () => new Response("words"));
  vi.stubGlobal("fetch", sent);
  document.title = "Board";
});

const init = () => sent.mock.lastCall![1]!;
const headers = () => init().headers as Headers;

test("the token of the moment goes out, and no other", async () => {
  await send("/chatkit", { method: "POST", body });
  expect(headers().get("Authorization")).toBe("Bearer one");
  token = "two";
  await send("/chatkit", { method: "POST", body });
  expect(headers().get("Authorization")).toBe("Bearer two");
  token = null;
  await send("/chatkit", { method: "POST", body });
  expect(headers().has("Authorization")).toBe(false);
});

test.each([
  ["an object", { "Content-Type": "application/json" }],
  ["a Headers", new Headers({ "Content-Type": "application/json" })],
  ["pairs", [["Content-Type", "application/json"]] as [string, string][]],
])("headers that come as %s stay", async (_, given) => {
  await send("/chatkit", { method: "POST", headers: given, body });
  expect(headers().get("Content-Type")).toBe("application/json");
  expect(headers().get("Authorization")).toBe("Bearer one");
});

test("the signal and the method stay", async () => {
  const { signal } = new AbortController();
  await send("/chatkit", { method: "POST", body, signal });
  expect(init().signal).toBe(signal);
  expect(init().method).toBe("POST");
});

test("the page is added to the metadata, and the rest stays", async () => {
  const request = { type: "threads.list", params: { limit: 1 }, metadata: { trace: 7 } };
  await send("/chatkit", { method: "POST", body: JSON.stringify(request) });
  expect(JSON.parse(init().body as string)).toMatchObject({
    ...request,
    metadata: { trace: 7, page: { title: "Board" } },
  });
});

test("the page is the one of the moment", async () => {
  await send("/chatkit", { method: "POST", body });
  document.title = "Team";
  await send("/chatkit", { method: "POST", body });
  expect(JSON.parse(init().body as string).metadata.page.title).toBe("Team");
});

test("an upload goes as it is", async () => {
  const upload = new FormData();
  await send("/upload", { method: "POST", body: upload });
  expect(init().body).toBe(upload);
});

test("the answer comes back unread, whatever its status", async () => {
  const answer = await send("/chatkit", { method: "POST", body });
  expect(answer.bodyUsed).toBe(false);
  expect(onUnauthorized).not.toHaveBeenCalled();
  sent.mockResolvedValue(new Response("{}", { status: 401 }));
  const refusal = await send("/chatkit", { method: "POST", body });
  expect(refusal.status).toBe(401);
  expect(refusal.bodyUsed).toBe(false);
  expect(onUnauthorized).toHaveBeenCalledOnce();
});

test("a failure of the network is the caller's to see", async () => {
  sent.mockRejectedValue(new TypeError("offline"));
  await expect(send("/chatkit", { method: "POST", body })).rejects.toThrow("offline");
});
