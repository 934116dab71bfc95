"""`python -m cpd` is the command `cpd`."""

from cpd.command_line import main

if __name__ == "__main__":
    main()
