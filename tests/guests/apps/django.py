"""Django with its administration and its static files, on SQLite.

Source: https://docs.djangoproject.com/en/5.2/howto/deployment/asgi/
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings as django_settings
from django.core.asgi import get_asgi_application
from django.core.management import call_command
from pydantic import BaseModel

PASSWORD = "a long passphrase"


class DjangoSettings(BaseModel):
    static_url: str = "/static/"


_CONTRIB = ["admin", "auth", "contenttypes", "sessions", "messages", "staticfiles"]


def create_app(settings: DjangoSettings) -> Any:
    django_settings.configure(
        SECRET_KEY="of this test alone",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="tests.guests.apps.django_urls",
        STATIC_URL=settings.static_url,
        DEBUG=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.db"}},
        INSTALLED_APPS=[f"django.contrib.{name}" for name in _CONTRIB],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
    )
    app = get_asgi_application()
    # The server may be running its event loop, where Django's database refuses to work.
    with ThreadPoolExecutor() as pool:
        pool.submit(_fill_database).result()

    from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler

    return ASGIStaticFilesHandler(app)


def _fill_database() -> None:
    from django.contrib.auth.models import User

    call_command("migrate", verbosity=0)
    if not User.objects.filter(username="ada").exists():
        User.objects.create_superuser("ada", "ada@example.org", PASSWORD)
