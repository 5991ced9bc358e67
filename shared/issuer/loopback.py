"""Which pages may be given a token: those of this machine, and no others."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

ORIGIN = r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?"
"""What the origins of this machine look like; a regular expression."""

# The characters of a path and a query (RFC 3986) and no more: a browser reads a backslash as a
# slash and drops line breaks, so that a URL with them is not the one that was looked at.
_PAGE = re.compile(rf"({ORIGIN})(?:[/?][A-Za-z0-9._~%!$&'()*+,;=:@/?-]*)?")


def origin_of(page: str) -> str:
    """Return the origin of a page of this machine. Raises ValueError for any other URL.

    A fragment is not allowed either: it is where the token comes.
    """
    found = _PAGE.fullmatch(page)
    try:
        if not found or urlsplit(page).port == 0:
            raise ValueError
    except ValueError:  # a port above 65535 raises it too
        raise ValueError(
            "return_to must be a page on this machine, such as http://127.0.0.1:8006/ "
            "(127.0.0.1, localhost or [::1], with http, and without a #fragment)."
        ) from None
    return found[1]
