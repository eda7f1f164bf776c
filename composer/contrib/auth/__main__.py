"""`python -m composer.contrib.auth new-key`: generate an API key, and print the setting for its hash."""

import sys

from composer.contrib.auth import hash_key, new_key


def main(arguments: list[str]) -> int:
    """Run the command line; `arguments` without the program's name.

    Returns:
        The exit status: 0, or 2 if the arguments are invalid.
    """
    if arguments != ["new-key"]:
        print("usage: python -m composer.contrib.auth new-key", file=sys.stderr)
        return 2
    key = new_key()
    print(f"API key for the client (it isn't stored): {key}\n")
    print(f'settings.toml:  [cornerstones.auth]\n                keys = ["{hash_key(key)}"]\n')
    print(f"""environment:    COMPOSER_CORNERSTONES__AUTH__KEYS='["{hash_key(key)}"]'""")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
