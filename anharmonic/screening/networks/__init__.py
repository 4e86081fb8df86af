"""Networks that predict a property of a crystal from its Hirshfeld fingerprint or its graph, and their training."""
