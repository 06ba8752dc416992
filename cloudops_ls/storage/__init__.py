"""The storage service: encrypted database, keys, search index. Knows nothing of editors."""
