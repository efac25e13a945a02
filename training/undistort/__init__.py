"""Photographs as a camera 1.6 m away would have shown the faces in them; the `training undistort` command.

`photo` reads and writes files, `align` finds the square that the networks know, `field` and `compose` move pixels,
`pipeline` puts them in order; docs/undistort.md tells it step by step.
"""
