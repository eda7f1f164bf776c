"""The OpenAPI documents of the apps, and the document that they are merged into."""
