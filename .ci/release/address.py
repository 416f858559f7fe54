"""Write the address of the repository to every file that names it: `hatch run release:address https://host/owner/name`."""

from __future__ import annotations

import re
import sys

import packages


def main() -> None:
    if len(sys.argv) != 2 or not re.fullmatch(r"https://[^/\s]+/\S*[^/\s]", sys.argv[1]):
        packages.stop("give one address such as https://github.com/owner/name, without a slash at the end")
    for name in packages.git("ls-files", "-z").split("\0"):
        path = packages.ROOT / name
        if name and path.is_file():
            content = path.read_bytes()
            written = content.replace(packages.ADDRESS.encode(), sys.argv[1].encode())
            if written != content:
                path.write_bytes(written)
                print(name)


if __name__ == "__main__":
    main()
