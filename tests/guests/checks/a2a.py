"""The A2A SDK's server, as the SDK's own client sees it."""

import httpx
from a2a.client import A2ACardResolver, ClientConfig, create_client
from a2a.helpers import get_stream_response_text, new_text_message
from a2a.types import AgentCard, Role, SendMessageRequest

PACKAGE = "a2a-sdk"


async def card_of(url: str) -> AgentCard:
    async with httpx.AsyncClient() as client:
        card = await A2ACardResolver(client, url).get_agent_card()
    # The card tells where its service is; here, below its own address.
    card.supported_interfaces[0].url = f"{url}/rpc"
    return card


async def answer(url: str, *, streaming: bool) -> list[str]:
    client = await create_client(await card_of(url), ClientConfig(streaming=streaming))
    request = SendMessageRequest(message=new_text_message("hello", role=Role.ROLE_USER))
    return [get_stream_response_text(part) async for part in client.send_message(request)]


async def check_its_card_is_found(url: str) -> None:
    assert (await card_of(url)).name == "Parrot"


async def check_it_answers(url: str) -> None:
    assert await answer(url, streaming=False) == ["You said: hello"]


async def check_it_answers_by_a_stream(url: str) -> None:
    assert await answer(url, streaming=True) == ["You said: hello"]
