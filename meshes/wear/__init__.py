"""Things that people wear or hold, and clothes: fitted to any head from its landmarks, with part labels of their own."""
