"""Phase one, what a project declares: folders, settings and plugins become `App` and `Cornerstone`. Nothing is made."""
