"""`python -m carecordon`: the same as the `carecordon` command."""

from carecordon.cli.main import main

if __name__ == "__main__":
    main()
