"""FastMCP, as its own client sees it."""

from fastmcp import Client

from tests.guests.pages import get

PACKAGE = "fastmcp"


async def check_a_client_calls_a_tool(url: str) -> None:
    async with Client(f"{url}/mcp") as client:
        assert {tool.name for tool in await client.list_tools()} == {"add", "count"}
        assert (await client.call_tool("add", {"a": 2, "b": 3})).data == 5


async def check_progress_is_streamed_while_a_tool_runs(url: str) -> None:
    seen: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async with Client(f"{url}/mcp") as client:
        await client.call_tool("count", {"to": 3}, progress_handler=note)
    assert seen == [1, 2, 3]


async def check_a_client_reads_a_resource(url: str) -> None:
    async with Client(f"{url}/mcp") as client:
        contents = await client.read_resource("sums://limits")
        assert contents[0].text == "no limit"


def check_its_own_page_knows_its_address(url: str) -> None:
    assert get(f"{url}/health").text == f"{url}/health"
