"""What checks ask of the pages of a guest: that they come, and that all that they link to is the guest's own."""

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx
from websockets.sync.client import connect

# Seconds for one answer.
PATIENCE = 20.0


def client(url: str) -> httpx.Client:
    """Return a client whose paths start at a guest's address, and that stays where it is when it is redirected."""
    return httpx.Client(base_url=url, timeout=PATIENCE)


def get(url: str, status: int = 200) -> httpx.Response:
    """Get an address; raise AssertionError where it isn't answered with that status."""
    response = httpx.get(url, timeout=PATIENCE)
    assert response.status_code == status, f"GET {url} answered {response.status_code}: {response.text[:200]}"
    return response


def websocket(url: str) -> str:
    """Return the address of a WebSocket that stands at this path."""
    return f"ws{url.removeprefix('http')}"


def assert_echoes(url: str) -> None:
    """Raise AssertionError where a WebSocket doesn't send back what it is sent."""
    with connect(websocket(url)) as socket:
        socket.send("hello")
        assert socket.recv(10) == "hello"


def events(url: str, number: int) -> list[str]:
    """Return the data of the first events of a stream that has no end; raise ReadTimeout where they don't come."""
    found: list[str] = []
    with httpx.stream("GET", url, timeout=PATIENCE) as response:
        assert response.status_code == 200, f"GET {url} answered {response.status_code}"
        for line in response.iter_lines():
            if line.startswith("data:"):
                found.append(line.removeprefix("data:").strip())
            if len(found) == number:
                break
    return found


def redirect_of(response: httpx.Response) -> str:
    """Return the whole address that a response sends to; raise AssertionError where it is no redirect."""
    assert response.is_redirect, f"{response.url} answered {response.status_code}, not with a redirect"
    return urljoin(str(response.url), response.headers["location"])


def links(page: httpx.Response) -> list[str]:
    """Return the whole addresses that the links of a page go to, those of other hosts left out."""
    return _own(page, _Found(page.text).links)


def assets(page: httpx.Response) -> list[str]:
    """Return the whole addresses of the scripts, styles and pictures of a page, those of other hosts left out."""
    return _own(page, _Found(page.text).assets)


def assert_inside(url: str, addresses: list[str]) -> None:
    """Raise AssertionError where there are no addresses, or one of them isn't below the guest's own."""
    assert addresses, "the page has none"
    outside = [
        address for address in addresses if not f"{urlsplit(address).path}/".startswith(f"{urlsplit(url).path}/")
    ]
    assert not outside, f"not below {url}: {outside}"


def assert_assets_load(url: str, page: httpx.Response) -> None:
    """Raise AssertionError where the page has no assets of its own, or one isn't the guest's or doesn't load."""
    found = assets(page)
    assert_inside(url, found)
    for address in dict.fromkeys(found):
        get(address)


def _own(page: httpx.Response, references: list[str]) -> list[str]:
    """Resolve the references as a browser does, and leave out other hosts, data: and the like."""
    base = urljoin(str(page.url), _Found(page.text).base)
    addresses = [urljoin(base, reference) for reference in references if not reference.startswith("#")]
    return [address for address in addresses if urlsplit(address)[:2] == (page.url.scheme, page.url.netloc.decode())]


class _Found(HTMLParser):
    """The references that stand in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.base = ""
        self.links: list[str] = []
        self.assets: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {key: value for key, value in attributes if value}
        if tag == "base":
            self.base = given.get("href", "")
        elif tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "form" and "action" in given:
            self.links.append(given["action"])
        elif tag == "link" and given.get("rel") in ("stylesheet", "icon", "modulepreload") and "href" in given:
            self.assets.append(given["href"])
        elif tag in ("script", "img") and "src" in given:
            self.assets.append(given["src"])
