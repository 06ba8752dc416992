"""Vector search: engines behind one interface, sparse encoding, embeddings."""
