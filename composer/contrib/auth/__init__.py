"""Authentication of clients: API keys in a header here, JSON Web Tokens in `composer.contrib.auth.jwt`.

Either is a cornerstone that guards a whole app (`guard = "auth"` in settings.toml) or single routes, as a dependency:

    def create_app(auth: APIKeyAuth) -> FastAPI:
        return FastAPI(dependencies=[Security(auth)])
"""

from composer.contrib.auth._keys import APIKeyAuth, APIKeySettings, create_cornerstone, hash_key, new_key

__all__ = ["APIKeyAuth", "APIKeySettings", "create_cornerstone", "hash_key", "new_key"]
