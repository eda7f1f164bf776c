"""Strawberry GraphQL: a query, a mutation, a subscription over a WebSocket, and its page."""

import httpx

from tests.guests.graphql import query, subscribe

PACKAGE = "strawberry-graphql"


def check_a_query_is_answered_and_knows_its_address(url: str) -> None:
    assert query(f"{url}/", "{ hello }") == {"hello": f"{url}/"}


def check_a_mutation_is_answered(url: str) -> None:
    assert query(f"{url}/", "mutation { double(number: 4) }") == {"double": 8}


def check_a_subscription_is_streamed_over_a_websocket(url: str) -> None:
    assert subscribe(f"{url}/", "subscription { count(to: 3) }") == [{"count": 0}, {"count": 1}, {"count": 2}]


def check_its_page_comes(url: str) -> None:
    assert "GraphiQL" in httpx.get(f"{url}/", headers={"Accept": "text/html"}).text
