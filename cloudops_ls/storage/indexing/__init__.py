"""The search index: collections made from the database, kept in step with it and mended."""
