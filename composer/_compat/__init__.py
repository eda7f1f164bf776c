"""All that composer knows of the insides of other packages: what no release of theirs promises to keep."""
