"""What can be wrong with a composition, as functions that return problems: of declarations, and of built objects."""
