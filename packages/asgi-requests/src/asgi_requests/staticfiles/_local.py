"""Tell local file systems from those that may have to ask a server.

Rule: on a local one, a path that a thread has just found is looked up again in the event loop. Linux has its names and
its inode in memory by then, and answers in a microsecond; NFS, SMB, 9P or FUSE may take as long as their server does.
"""

from __future__ import annotations

import os
from functools import lru_cache

# See proc_pid_mountinfo(5). Btrfs is missing, as the devices of its subvolumes are not in that table.
_MOUNTS = "/proc/self/mountinfo"
_LOCAL = frozenset({"erofs", "ext2", "ext3", "ext4", "f2fs", "overlay", "squashfs", "tmpfs", "xfs", "zfs"})


@lru_cache(maxsize=64)
def is_local(device: int) -> bool:
    """Return whether a device, `st_dev`, is of a local file system; False where the system does not say."""
    try:
        number = f"{os.major(device)}:{os.minor(device)}"
        with open(_MOUNTS, errors="surrogateescape") as mounts:
            for line in mounts:
                mount, _, source = line.partition(" - ")
                if mount.split(" ", 3)[2] == number:
                    return source.partition(" ")[0] in _LOCAL
    except (AttributeError, OSError):
        # Windows has neither of the functions, macOS no such table.
        pass
    return False
