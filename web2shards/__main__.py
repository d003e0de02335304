"""`python -m web2shards` is the command `web2shards`: for environments whose scripts are not on the path."""

from web2shards.cli import main

if __name__ == "__main__":
    main()
