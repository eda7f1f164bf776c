# mypy: allow-untyped-defs
"""A notebook of two cells, which marimo runs."""

import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo

    slider = mo.ui.slider(1, 10, value=3)
    return mo, slider


@app.cell
def _(mo, slider):
    mo.md(f"Three times {slider.value} is **{3 * slider.value}**.")
    return


if __name__ == "__main__":
    app.run()
