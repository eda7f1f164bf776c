"""Content that is sent many times: with an ETag, gzipped if the client accepts it, and 304 if it is unchanged."""

import gzip
import hashlib
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response


class Content(NamedTuple):
    """Represent a response body, plain and gzipped, with its ETag."""

    media_type: str
    plain: bytes
    gzipped: bytes
    etag: str

    @classmethod
    def of(cls, plain: bytes, media_type: str) -> "Content":
        """Create the content from bytes; compression takes about 30 ms per MB, so call it in a thread."""
        etag = hashlib.sha256(plain).hexdigest()[:32]
        return cls(media_type, plain, gzip.compress(plain, 6, mtime=0), etag)

    def response(self, request: Request, cache_control: str) -> Response:
        """Return the response to a GET or HEAD request: 304 if the client has the current content.

        Source: RFC 9110, sections 8.8.3 (each encoding has an ETag of its own), 12.5.3 and 13.1.2.
        """
        use_gzip = accepts_gzip(request.headers.get("accept-encoding", ""))
        etag = f'"{self.etag}-gzip"' if use_gzip else f'"{self.etag}"'
        headers = {"ETag": etag, "Vary": "Accept-Encoding", "Cache-Control": cache_control}
        if _matches_etag(etag, request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        if use_gzip:
            headers["Content-Encoding"] = "gzip"
        body = self.gzipped if use_gzip else self.plain
        if request.method == "HEAD":
            headers["Content-Length"] = str(len(body))
            body = b""
        return Response(body, headers=headers, media_type=self.media_type)


def accepts_gzip(header: str) -> bool:
    """Return whether an `Accept-Encoding` header accepts gzip, by name or by `*`, and not with `q=0`."""
    qualities: dict[str, str] = {}
    for part in header.lower().split(","):
        coding, _, parameter = part.partition(";")
        qualities[coding.strip()] = parameter.replace(" ", "").removeprefix("q=") or "1"
    quality = qualities.get("gzip", qualities.get("*", "0"))
    return quality.strip("0.") != ""


def _matches_etag(etag: str, header: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return etag in tags or "*" in tags
