"""The report of a run: figures and one self-contained page, made from the JSON files in the run's folder."""
