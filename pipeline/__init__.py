"""What the stages are made of: data, science, machinery and records (see the README's tree)."""
