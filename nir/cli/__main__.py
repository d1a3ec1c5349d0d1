"""`python -m nir.cli`: the command line where the `nir` program is not on the path."""

from nir.cli import main

main()
