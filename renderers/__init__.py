"""Cameras, lights, the exact label core and shading. Knows surfaces, not what a head is."""
