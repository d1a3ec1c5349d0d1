"""Programs and networks to start from; not installed with the package."""
