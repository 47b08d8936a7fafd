"""Becoming an ordinary user for one program that refuses to run as root.

The program and its data may lie below folders that only root may enter (a home, a cache). No
foreign folder is opened to others for its sake: on Linux the child keeps the one capability that
lets it pass them.
"""

import ctypes
import os
import pwd
import sys
from collections.abc import Callable
from typing import Final

_PR_SET_KEEPCAPS: Final = 8
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_RAISE: Final = 2
_CAP_DAC_OVERRIDE: Final = 1
_CAPABILITY_VERSION_3: Final = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def ordinary_user() -> tuple[int, int]:
    """User and group id of `nobody`, or of any account that is not root."""
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        entry = next(each for each in pwd.getpwall() if each.pw_uid != 0)
    return entry.pw_uid, entry.pw_gid


def drop_to(uid: int, gid: int) -> Callable[[], None]:
    """What the child must call before it executes the program."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def drop() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        if libc is not None:
            bit = 1 << _CAP_DAC_OVERRIDE
            header = _Header(_CAPABILITY_VERSION_3, 0)
            data = (_Data * 2)(_Data(bit, bit, bit), _Data(0, 0, 0))
            # Without the capability (some containers) the folders must be open; then so be it.
            if libc.capset(ctypes.byref(header), ctypes.byref(data)) == 0:
                libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)

    return drop
