"""What a set costs: measured on a few pairs that are really written, multiplied out to large sets."""
