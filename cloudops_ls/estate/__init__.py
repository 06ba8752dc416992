"""The AWS estate: catalog of types, scanner, names and cards."""
