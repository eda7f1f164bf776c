"""Path → app: the longest prefix of whole path segments, in a time that doesn't grow with the number of apps."""
