"""One connection of either side, between its IOStream and the application's callbacks."""
