"""Bytes that are sent again and again: with an ETag, gzipped where the client takes that, and not sent twice."""

import gzip
import hashlib
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response


class Content(NamedTuple):
    """Hold bytes ready to be sent, plain and gzipped, each with its ETag."""

    media_type: str
    plain: bytes
    gzipped: bytes
    etag: str

    @classmethod
    def of(cls, plain: bytes, media_type: str) -> "Content":
        """Make both forms of these bytes; takes some 30 ms for each MB, so a thread is the place for it."""
        etag = hashlib.sha256(plain).hexdigest()[:32]
        return cls(media_type, plain, gzip.compress(plain, 6, mtime=0), etag)

    def response(self, request: Request, cache_control: str) -> Response:
        """Answer a GET or HEAD: 304 where the client has these bytes already.

        Source: RFC 9110, sections 8.8.3 (a tag tells the encodings apart), 12.5.3 and 13.1.2.
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
    """Tell whether an `Accept-Encoding` takes gzip: named, or by `*`, and not with `q=0`."""
    qualities: dict[str, str] = {}
    for part in header.lower().split(","):
        coding, _, parameter = part.partition(";")
        qualities[coding.strip()] = parameter.replace(" ", "").removeprefix("q=") or "1"
    quality = qualities.get("gzip", qualities.get("*", "0"))
    return quality.strip("0.") != ""


def _matches_etag(etag: str, header: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return etag in tags or "*" in tags
