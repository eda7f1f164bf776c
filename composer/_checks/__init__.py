"""The checks of a composition, as functions that return problems: of declarations, and of built objects."""
