# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Hugepages for the time of a bench. In ordinary pages every packet buffer begins at the same place of a page,
so that all of them compete for a few lines of the first-level cache: a fast path is not run so, and every
subject would be slowed by it, each in its own way."""

import contextlib

WANTED = 320  # of 2 MB: two subjects with 200 MB each at most, one of them stopped, and what is spare
COUNT = "/proc/sys/vm/nr_hugepages"


def number_in(path: str) -> int:
    with open(path, encoding="ascii") as stream:
        return int(stream.read())


def free_megabytes() -> int:
    with open("/proc/meminfo", encoding="ascii") as stream:
        fields = dict(line.split(":", 1) for line in stream)
    return int(fields["HugePages_Free"]) * int(fields["Hugepagesize"].split()[0]) // 1024


def set_count(count: int):
    with contextlib.suppress(OSError):  # a container may read it only: then without
        with open(COUNT, "w", encoding="ascii") as stream:
            stream.write(str(count))


class Reserved:
    """As many more as are missing; given back at the end."""

    def __enter__(self):
        self.before = number_in(COUNT)
        missing = WANTED - free_megabytes() // 2
        if missing > 0:
            set_count(self.before + missing)
        return self

    def __exit__(self, *_):
        if number_in(COUNT) != self.before:
            set_count(self.before)
