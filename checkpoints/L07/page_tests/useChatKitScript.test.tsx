import { act, cleanup, renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useChatKitScript } from "../app/page/src/useChatKitScript";

let define: () => void;
const defined = () => act(async () => define());
const scripts = () => [...document.scripts];

beforeEach(() => {
  vi.useFakeTimers();
  const promise = new Promise<CustomElementConstructor>((resolve) => {
    define = () => resolve(HTMLElement);
  });
  vi.spyOn(customElements, "whenDefined").mockReturnValue(promise);
});

afterEach(() => {
  cleanup();
  for (const script of scripts()) script.remove();
  vi.useRealTimers();
});

const start = () => renderHook(() => useChatKitScript("/chatkit.js"), { wrapper: StrictMode });
const later = (milliseconds: number) => act(() => vi.advanceTimersByTimeAsync(milliseconds));

test("it loads until the element is defined, and the script's end alone is not enough", async () => {
  const { result } = start();
  expect(result.current.state).toBe("loading");
  act(() => void scripts()[0]!.dispatchEvent(new Event("load")));
  expect(result.current.state).toBe("loading");
  await defined();
  expect(result.current.state).toBe("ready");
  await later(60_000);
  expect(result.current.state).toBe("ready");
});

test("the script is in the page once, also in StrictMode", () => {
  start();
  expect(scripts().map((script) => script.getAttribute("src"))).toEqual(["/chatkit.js"]);
});

test("a script that cannot be loaded is a failure at once, and is asked for again", async () => {
  const { result } = start();
  act(() => void scripts()[0]!.dispatchEvent(new Event("error")));
  expect(result.current.state).toBe("failed");
  const [first] = scripts();
  act(() => result.current.retry());
  expect(result.current.state).toBe("loading");
  expect(scripts()).toHaveLength(1);
  expect(scripts()[0]).not.toBe(first);
  await defined();
  expect(result.current.state).toBe("ready");
});

test("silence is a failure after some seconds, and a late script is welcome", async () => {
  const { result } = start();
  await later(10_000);
  expect(result.current.state).toBe("failed");
  await defined();
  expect(result.current.state).toBe("ready");
});
