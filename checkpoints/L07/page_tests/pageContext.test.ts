import { beforeEach, expect, test, vi } from "vitest";
import { pageContext } from "../app/page/src/pageContext";

beforeEach(() => {
  // The test's DOM does no layout: what counts as seen is said by an attribute here.
  HTMLElement.prototype.checkVisibility = vi.fn(function (this: HTMLElement) {
    return !this.hidden;
  });
});

test("title, and the first five headings that are seen, in order", () => {
  document.title = "Board";
  document.body.innerHTML = `
    <h2>  One </h2><h1>Two</h1><h4>No</h4><h2 hidden>No</h2><h3></h3>
    <h3>Three <em>and more</em></h3><h2>Four</h2><h2>Five</h2><h2>Six</h2>`;
  expect(pageContext()).toMatchObject({
    title: "Board",
    headings: ["One", "Two", "Three and more", "Four", "Five"],
  });
});

test("the address without query and fragment", () => {
  window.happyDOM.setURL("http://127.0.0.1:8007/app/team?token=secret#access_token=secret");
  expect(pageContext().url).toBe("http://127.0.0.1:8007/app/team");
});

test("nothing that somebody typed", () => {
  document.body.innerHTML = `<h1>Account</h1><input><textarea></textarea>`;
  for (const field of document.querySelectorAll("input, textarea")) {
    (field as HTMLInputElement).value = "secret";
  }
  expect(JSON.stringify(pageContext())).not.toContain("secret");
});
