"""Cornerstones for what many projects need: a database, the authentication of clients, trained models.

Each needs the packages of an extra of its own name, such as `pip install 'fastapi-composer[db]'`. They use only the
public names of composer, like any other package's cornerstones.
"""
