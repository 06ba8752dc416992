"""What a request is about: names, misspellings, descriptions, relations, and what went before."""
