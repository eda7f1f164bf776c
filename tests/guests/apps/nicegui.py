"""NiceGUI: a page with a button that counts on the server.

Source: https://nicegui.io/documentation/section_configuration_deployment
"""

from fastapi import FastAPI
from nicegui import ui


def create_app() -> FastAPI:
    @ui.page("/")
    def home() -> None:
        count = {"clicks": 0}
        label = ui.label("clicked 0 times").props("id=clicks")

        def click() -> None:
            count["clicks"] += 1
            label.set_text(f"clicked {count['clicks']} times")

        ui.button("Click", on_click=click).props("id=click")
        ui.link("Other", other)

    @ui.page("/other")
    def other() -> None:
        ui.label("the other page")

    app = FastAPI()
    ui.run_with(app, show_welcome_message=False)
    return app
