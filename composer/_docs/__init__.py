"""The documentation pages: Swagger UI and ReDoc, with assets that the process serves itself."""

from composer._docs.install import install_docs, install_own_docs
from composer._docs.pages import AppEntry

__all__ = ["AppEntry", "install_docs", "install_own_docs"]
