"""Gradio: a function of one text, and a generator that streams.

Source: https://www.gradio.app/docs/gradio/mount_gradio_app
"""

from collections.abc import Iterator

import gradio as gr
from fastapi import FastAPI


def greet(name: str) -> str:
    return f"Hello {name}!"


def count(to: float) -> Iterator[str]:
    for number in range(int(to)):
        yield str(number)


def create_app() -> FastAPI:
    with gr.Blocks(title="Greetings") as demo:
        name = gr.Textbox(label="Name", elem_id="name")
        greeting = gr.Textbox(label="Greeting", elem_id="greeting")
        gr.Button("Greet", elem_id="greet").click(greet, name, greeting, api_name="greet")
        to = gr.Number(label="To")
        gr.Button("Count").click(count, to, gr.Textbox(label="Number"), api_name="count")
    return gr.mount_gradio_app(FastAPI(), demo, path="/")
