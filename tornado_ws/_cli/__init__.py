"""The command line: ``serve``, ``connect``, ``run``, and the demonstration that they serve."""
