"""The cornerstones: objects that are constructed once and shared by the apps."""
