"""What the browser is to forbid the page, so that a mistake in it does little harm."""

from shared.settings import Settings

OPENAI = "https://cdn.platform.openai.com"


def page_headers(settings: Settings) -> dict[str, str]:
    """Return the headers that the page's files are sent with."""
    # In one mode only, the page itself asks the issuer for a token.
    issuer = settings.issuer.rstrip("/") + "/token" if settings.auth_mode == "bearer" else ""
    openai = OPENAI if settings.element == "cdn" else ""
    policy = {
        "default-src": "'none'",
        "script-src": f"'self' 'unsafe-inline' {openai}",
        "frame-src": openai or "'none'",
        "style-src": "'self'",
        "img-src": "'self' data:",  # an image's address could carry a secret away
        "connect-src": f"'self' {issuer}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(
            f"{name} {value}".strip() for name, value in policy.items()
        ),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
