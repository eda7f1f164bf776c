"""The server: everything in apps/ and shared/, composed as settings.toml says.

Serve it with `uvicorn asgi:app`, `fastapi run asgi.py` or `python -m composer serve`.
"""

import composer

app = composer.build()
