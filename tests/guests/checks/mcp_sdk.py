"""The MCP SDK's server, as the SDK's own client sees it."""

import httpx
from mcp import Client

PACKAGE = "mcp"


async def check_a_client_lists_and_calls_tools(url: str) -> None:
    async with Client(f"{url}/mcp") as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["shout"]
        result = await client.call_tool("shout", {"text": "hello"})
        assert result.content[0].text == "HELLO"


async def check_a_client_gets_a_prompt(url: str) -> None:
    async with Client(f"{url}/mcp") as client:
        prompt = await client.get_prompt("greet", {"name": "Ada"})
        assert prompt.messages[0].content.text == "Greet Ada."


def check_an_initialization_is_answered_by_a_session(url: str) -> None:
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "check", "version": "1"},
        },
    }
    headers = {"Accept": "application/json, text/event-stream"}
    response = httpx.post(f"{url}/mcp", json=hello, headers=headers)
    assert response.status_code == 200
    assert response.headers["mcp-session-id"]
    assert '"Words"' in response.text
