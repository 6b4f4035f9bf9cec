"""How glibc gives memory to programs that move gigabytes through buffers of a few megabytes.

Left to itself it maps each such buffer anew and returns it after use, so that the kernel clears
every page of it again for each piece of a model: half of what a fetch costs the kernel.
"""

import ctypes
from typing import Final

# The parameters of glibc's mallopt(3), by their numbers in malloc.h, and values in bytes.
_TRIM_THRESHOLD: Final = (-1, 256 * 2**20)
_TOP_PAD: Final = (-2, 32 * 2**20)
_MMAP_THRESHOLD: Final = (-3, 64 * 2**20)
_ARENA_MAX: Final = (-8, 1)  # the threads of a fetch pass buffers on: one's free is another's next


def keep_buffers() -> None:
    """Let this process keep freed buffers for the next. No effect with another C library.

    For programs that end when their work is done: what they had at most they keep until then.
    """
    set_parameter = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_parameter is not None:
        for parameter, value in (_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX):
            set_parameter(parameter, value)
