"""Ariadne: a query and a subscription, from a schema in GraphQL's own language.

Source: https://ariadnegraphql.org/server/intro
"""

from collections.abc import AsyncIterator
from typing import Any

from ariadne import QueryType, SubscriptionType, make_executable_schema
from ariadne.asgi import GraphQL
from ariadne.asgi.handlers import GraphQLTransportWSHandler

SCHEMA = """
type Query { hello: String! }
type Subscription { count(to: Int!): Int! }
"""

query = QueryType()
subscription = SubscriptionType()


@query.field("hello")
def hello(_: Any, info: Any) -> str:
    return str(info.context["request"].url)


@subscription.source("count")
async def numbers(_: Any, info: Any, to: int) -> AsyncIterator[int]:
    for number in range(to):
        yield number


@subscription.field("count")
def count(number: int, info: Any, to: int) -> int:
    return number


def create_app() -> GraphQL:
    return GraphQL(make_executable_schema(SCHEMA, query, subscription), websocket_handler=GraphQLTransportWSHandler())
