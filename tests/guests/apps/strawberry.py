"""Strawberry GraphQL: a query, a mutation and a subscription.

Source: https://strawberry.rocks/docs/integrations/asgi
"""

from collections.abc import AsyncGenerator

import strawberry
from strawberry.asgi import GraphQL


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, info: strawberry.Info) -> str:
        return str(info.context["request"].url)


@strawberry.type
class Mutation:
    @strawberry.mutation
    def double(self, number: int) -> int:
        return 2 * number


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncGenerator[int, None]:
        for number in range(to):
            yield number


def create_app() -> GraphQL:
    return GraphQL(strawberry.Schema(Query, Mutation, Subscription))
