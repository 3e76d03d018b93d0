"""The client's side: from a URL to a connection, and that connection."""
