"""Search of the estate by names, filters and, in the worker, meaning."""
