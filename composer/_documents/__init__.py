"""The OpenAPI documents of the apps, and the one that they are merged into."""
