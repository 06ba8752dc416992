"""What answers a prompt: the protocol, the request, and the assistants themselves."""
