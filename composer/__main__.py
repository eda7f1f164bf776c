"""`python -m composer`: the command line."""

from composer._cli import main

if __name__ == "__main__":
    main()
