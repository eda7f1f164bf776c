"""Django's administration, and two views beside it."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path, reverse


async def where(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.build_absolute_uri(reverse("where")))


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    async def lines() -> AsyncIterator[str]:
        for number in count():
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.1)

    return StreamingHttpResponse(lines(), content_type="text/event-stream")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("where/", where, name="where"),
    path("stream/", stream),
]
