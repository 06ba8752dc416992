"""Reading, judging and running AWS commands; import from the modules."""
