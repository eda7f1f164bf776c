"""Guests: published ASGI and WSGI applications, unmodified, in one composition.

`settings.toml` composes them; `apps/NAME.py` makes each as its own documentation says, `checks/NAME.py` tells by its
checks whether it works. `make test-guests` installs them into an environment of their own, and runs the tests.
`python -m tests.guests --write docs/guests.md` serves them alone, under FastAPI.mount and under composer, and writes
down what works where.
"""
