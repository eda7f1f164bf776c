"""FastMCP: tools, a resource and a page, over streamable HTTP.

Source: https://gofastmcp.com/deployment/http
"""

from fastmcp import Context, FastMCP
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

mcp = FastMCP("Sums")


@mcp.tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@mcp.tool
async def count(to: int, context: Context) -> str:
    """Count, and report progress."""
    for number in range(1, to + 1):
        await context.report_progress(number, to)
    return "done"


@mcp.resource("sums://limits")
def limits() -> str:
    """Tell the largest number."""
    return "no limit"


@mcp.custom_route("/health", methods=["GET"])
async def health(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(request.url_for("health")))


def create_app() -> ASGIApp:
    return mcp.http_app()
