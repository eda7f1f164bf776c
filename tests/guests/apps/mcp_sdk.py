"""The SDK of the Model Context Protocol: a tool and a prompt, over streamable HTTP.

Source: https://github.com/modelcontextprotocol/python-sdk
"""

from mcp.server import MCPServer
from starlette.applications import Starlette

mcp = MCPServer("Words")


@mcp.tool()
def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


@mcp.prompt()
def greet(name: str) -> str:
    """Ask for a greeting."""
    return f"Greet {name}."


def create_app() -> Starlette:
    return mcp.streamable_http_app()
