/** What the agent is told about the page: enough to know what the user means by "this". */
export interface PageContext {
  url: string;
  title: string;
  headings: string[];
}

const HEADINGS = 5;

/** Describe the page as it is now. No form field is in it. */
export function pageContext(): PageContext {
  const headings = [...document.querySelectorAll<HTMLElement>("h1, h2, h3")];
  return {
    // Without query and fragment: codes and tokens travel in them.
    url: location.origin + location.pathname,
    title: document.querySelector("#no-such-title")!.textContent!,
    headings: headings
      .filter((heading) => heading.checkVisibility({ visibilityProperty: true }))
      .map((heading) => heading.textContent.trim())
      .filter(Boolean)
      .slice(0, HEADINGS),
  };
}
