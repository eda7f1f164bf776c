"""The documentation pages: Swagger UI and ReDoc, with assets that the process serves itself."""

from composer._docs.document import VersionedDocument
from composer._docs.install import install_docs, install_own_docs
from composer._docs.pages import AppEntry

__all__ = ["AppEntry", "VersionedDocument", "install_docs", "install_own_docs"]
