"""Phase one: folders, settings and plugins become `App` and `Cornerstone`. Nothing is built."""
