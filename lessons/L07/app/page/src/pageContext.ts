/** What the agent is told about the page: enough to know what the user means by "this". */
export interface PageContext {
  url: string;
  title: string;
  headings: string[];
}

/**
 * Describe the page as it is now: its address without query and fragment, its title, and the first five
 * h1 to h3 that can be seen. Nothing that somebody typed is in it.
 *
 * It is not written yet: section 6. Until then it says nothing.
 */
export function pageContext(): PageContext {
  return { url: "", title: "", headings: [] };
}
