"""Flask: a WSGI app with routes, a template, a session, static files and a stream.

Source: https://flask.palletsprojects.com/en/stable/quickstart/
"""

import time
from collections.abc import Iterator
from pathlib import Path

from flask import Flask, Response, redirect, render_template_string, request, session, url_for

PAGE = """
<link rel="stylesheet" href="{{ url_for('static', filename='site.css') }}">
<a href="{{ url_for('where') }}">Where?</a>
"""


def create_app() -> Flask:
    app = Flask(__name__, static_folder=str(Path(__file__).with_name("static")))
    app.secret_key = "of this test alone"

    @app.get("/")
    def home() -> str:
        return render_template_string(PAGE)

    @app.get("/where")
    def where() -> str:
        return f"{url_for('where', _external=True)} {request.url}"

    @app.post("/name")
    def name() -> Response:
        session["name"] = request.form["name"]
        return redirect(url_for("greet"))

    @app.get("/greet/")
    def greet() -> str:
        return f"hello {session.get('name')}"

    @app.get("/events")
    def tell() -> Response:
        def lines() -> Iterator[str]:
            # Not for ever: a2wsgi doesn't notice that a client has left.
            for number in range(100):
                yield f"data: {number}\n\n"
                time.sleep(0.1)

        return Response(lines(), mimetype="text/event-stream")

    return app
