"""The cornerstones: objects that are made once and that apps share."""
