"""The built-in experiments, one TOML file each; a package so that they travel inside the wheel."""
