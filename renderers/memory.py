"""One setting of the C library's allocator, for processes that make many images.

It changes speed and nothing else; call it once where a process starts, never from a library function.
"""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # Names and numbers of glibc's malloc.h.
_LARGEST_MMAP_THRESHOLD = 32 << 20


def keep_freed_memory(megabytes: int = 1024) -> bool:
    """Let this process keep up to `megabytes` of freed memory for its next image.

    By default glibc hands the arrays of a finished sample back to the system, and the next sample pays for every
    page again: half of the time of a pair's labels, where pages are costly.

    Returns:
        Whether the setting was made; False where the C library is not glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # Not glibc; on Windows CDLL(None) is a TypeError.
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD) and mallopt(_M_TRIM_THRESHOLD, megabytes << 20))
