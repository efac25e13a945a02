"""Things that people wear or hold, and their clothes: fitted to any head, with part labels of their own."""
