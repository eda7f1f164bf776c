"""Dash: a text and what becomes of it, as a WSGI app.

Source: https://dash.plotly.com/deployment and https://dash.plotly.com/reference
"""

from typing import Any

from dash import Dash, Input, Output, dcc, html
from flask import Flask
from pydantic import BaseModel


class DashSettings(BaseModel):
    requests_pathname_prefix: str = "/"


def create_app(settings: DashSettings) -> Flask:
    app = Dash("guest", requests_pathname_prefix=settings.requests_pathname_prefix, routes_pathname_prefix="/")
    app.layout = html.Div([dcc.Input(id="text", value="", type="text"), html.Div(id="shout")])

    @app.callback(Output("shout", "children"), Input("text", "value"))
    def shout(text: str) -> Any:
        return f"{text.upper()}!"

    return app.server
