"""The camera's film: depth of field, shake, vignetting, exposure, white balance, noise and JPEG as pure functions.

`renderers.film.develop` strings them together; docs/camera.md shows each by itself.
"""
