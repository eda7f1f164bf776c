"""`python -m shared.auth new-key`: make an API key, and show where its hash goes."""

import sys

from shared.auth import hash_key, new_key


def main(arguments: list[str]) -> int:
    """Run the command line; `arguments` without the program's name.

    Returns:
        The exit status: 0, or 2 when the arguments are not understood.
    """
    if arguments != ["new-key"]:
        print("usage: python -m shared.auth new-key", file=sys.stderr)
        return 2
    key = new_key()
    print(f"key, for the caller (it is kept nowhere): {key}\n")
    print(f'settings.toml:  [cornerstones.auth]\n                keys = ["{hash_key(key)}"]\n')
    print(f"""environment:    COMPOSER_CORNERSTONES__AUTH__KEYS='["{hash_key(key)}"]'""")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
