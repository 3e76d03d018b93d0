"""The server's side: what an application derives its handlers from."""
