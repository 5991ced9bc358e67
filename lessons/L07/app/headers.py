"""What the browser is to forbid the page, so that a mistake in it does little harm."""

from shared.settings import Settings

OPENAI = "https://cdn.platform.openai.com"


def page_headers(settings: Settings) -> dict[str, str]:
    """Return the headers that the page's files are sent with."""
    raise NotImplementedError(
        "page_headers() is not written yet: lesson 7, “10. What the browser forbids”."
    )
