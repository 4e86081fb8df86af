"""``anharmonic dataset``: labelled structures as one file."""
