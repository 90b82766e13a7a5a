"""`python -m scan3d` is the command line."""

from scan3d.cli.app import main

if __name__ == "__main__":
    main()
