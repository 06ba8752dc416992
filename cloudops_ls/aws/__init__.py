"""AWS profiles, sessions and errors."""
