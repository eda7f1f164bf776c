"""settings.toml and the environment: read, merged and validated, with the place of every value.

The environment overrides `settings.{COMPOSER_ENV}.toml`, which overrides settings.toml. Values are never part of a
problem's text: any of them may be a secret.
"""
