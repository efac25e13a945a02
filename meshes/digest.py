"""The sha256 of a file, so that a record can say which very data a sample was made of."""

import hashlib
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=64)
def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes, read once a process."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
