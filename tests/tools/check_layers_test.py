#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""tools/check_layers can fail for each of its rules, says where, and passes clean trees."""

import os
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
CHECK = os.path.join(ROOT, "tools/check_layers")

# A small tree without a breach; each case adds or replaces files.
CLEAN = {
    "conf/types/prefix.h": '#pragma once\n#include <string>\n',
    "conf/types/prefix.cpp": '#include "conf/types/prefix.h"\n',
    "conf/model/config.h": '#include "conf/types/prefix.h"\n',
    "conf/model/load.cpp": '#include <yaml-cpp/yaml.h>\nYAML::Node node;\n',
    "conf/examples/minimal.yaml": "version: 1\n",
    "dataplane/packet/gre.h": '#include "conf/types/prefix.h"\n',
    "dataplane/packet/gre.cpp": "int pushed;\n",
    "dataplane/node/route.h": '#include "dataplane/packet/gre.h"\n',
    "dataplane/node/route.cpp": "#include <rte_mbuf.h>\nvoid f() { rte_pktmbuf_free(nullptr); }\n",
    "dataplane/engine/port/port.cpp": "int fd = socket(1, 2, 3);\n",
    "dataplane/engine/engine.h": '#include "dataplane/node/route.h"\n',
    "dataplane/engine/engine.cpp": '#include <libmnl/libmnl.h>\n',
    "controlplane/bgp/session.h": '#include "conf/types/prefix.h"\n',
    "controlplane/bgp/session.cpp": "// the caller calls sendmsg() and reads steady_clock::now()\n"
                                    'const char* text = "fork() and system()"; int time_of_day;\n',
    "controlplane/controller/controller.h": '#include "controlplane/bgp/session.h"\n',
    "controlplane/controller/controller.cpp": "void f() { session.send(fd); session.connect(); }\n",
    "controlplane/io/loop.h": '#include "controlplane/controller/controller.h"\n',
    "controlplane/io/loop.cpp": "auto now = std::chrono::steady_clock::now();\n",
    "tools/detour/run.h": '#include "conf/model/config.h"\n',
    "tools/detour/run.cpp": "void f() { fork(); }\n",
    "tests/unit/bgp/session.cpp": '#include "controlplane/bgp/session.h"\n#include "dataplane/packet/gre.h"\n',
}

# (rule, file, text, line of the breach)
BREACHES = [
    ("unknown-room", "dataplane/cache/cache.h", "", 1),
    ("unknown-room", "conf/strings/strings.cpp", "", 1),
    ("unknown-room", "tests/odd/odd.cpp", "", 1),
    ("unknown-room", "conf/types/a.h", '#include "conf/nowhere/a.h"\n', 1),
    ("outside-room", "controlplane/main.cpp", "", 1),
    ("outside-room", "src/main.cpp", "", 1),
    ("outside-room", "conf/examples/a.cpp", "", 1),
    ("purposeless-name", "dataplane/node/common/a.h", "", 1),
    ("purposeless-name", "conf/types/util/a.h", "", 1),
    ("purposeless-name", "tests/unit/misc/a.cpp", "", 1),
    ("purposeless-name", "tools/lab/helpers/a.cpp", "", 1),
    ("purposeless-name", "conf/types/helpers.h", "", 1),
    ("room-shape", "controlplane/probe/probe.h", "", 1),
    ("room-shape", "controlplane/bfd/bfd.cpp", "", 1),
    ("room-shape", "controlplane/kernel/plan/diff.cpp", "", 1),
    ("include-from-root", "conf/types/a.h", '\n#include "prefix.h"\n', 2),
    ("include-from-root", "conf/types/a.h", '#include "../types/prefix.h"\n', 1),
    ("include-from-root", "conf/types/a.h", '#include "conf/types/../types/prefix.h"\n', 1),
    ("include-from-root", "conf/types/a.h", "#include <conf/types/prefix.h>\n", 1),
    ("include-from-root", "conf/types/a.h", "#include PREFIX_H\n", 1),
    ("planes", "dataplane/node/a.cpp", '#include "controlplane/bgp/session.h"\n', 1),
    ("planes", "dataplane/mirror/a.cpp", '#include "controlplane/kernel/plan/diff.h"\n', 1),
    ("planes", "controlplane/daemon/a.cpp", '/* x\n */ # include "dataplane/packet/gre.h"\n', 2),
    ("island", "controlplane/bgp/a.h", '#include "controlplane/decision/verdict.h"\n', 1),
    ("island", "controlplane/bfd/a.h", '#include "conf/model/config.h"\n', 1),
    ("island", "controlplane/probe/a.h", '#include "controlplane/controller/controller.h"\n', 1),
    ("island", "controlplane/decision/a.h", '#include "controlplane/probe/pair.h"\n', 1),
    ("nothing-includes-tools", "controlplane/io/a.cpp", '#include "tools/lab/traffic.h"\n', 1),
    ("nothing-includes-tools", "conf/types/a.h", '#include "tests/sim/world.h"\n', 1),
    ("layer", "conf/types/a.h", '#include "conf/model/config.h"\n', 1),
    ("layer", "conf/model/a.h", '#include "dataplane/packet/gre.h"\n', 1),
    ("layer", "dataplane/packet/a.h", '#include "dataplane/fib/table.h"\n', 1),
    ("layer", "dataplane/fib/a.h", '#include "dataplane/mirror/mirror.h"\n', 1),
    ("layer", "dataplane/mirror/a.h", '#include "dataplane/node/route.h"\n', 1),
    ("layer", "controlplane/controller/a.h", '#include "controlplane/io/loop.h"\n', 1),
    ("layer", "controlplane/kernel/a.h", '#include "controlplane/bgp/session.h"\n', 1),
    ("layer", "controlplane/observe/a.h", '#include "controlplane/api/http.h"\n', 1),
    ("layer", "controlplane/notify/a.h", '#include "controlplane/controller/controller.h"\n', 1),
    ("layer", "controlplane/api/a.h", '#include "controlplane/io/loop.h"\n', 1),
    ("layer", "tools/detour/a.h", '#include "controlplane/bgp/session.h"\n', 1),
    ("layer", "tools/detour/a.h", '#include "dataplane/packet/gre.h"\n', 1),
    ("fence-dpdk", "dataplane/packet/a.cpp", "#include <rte_ether.h>\n", 1),
    ("fence-dpdk", "dataplane/mirror/a.cpp", "\n\nrte_mbuf* m;\n", 3),
    ("fence-dpdk", "controlplane/io/a.cpp", "int n = RTE_MAX(1, 2);\n", 1),
    ("fence-yaml", "tools/detour/a.cpp", "#include <yaml-cpp/yaml.h>\n", 1),
    ("fence-yaml", "conf/types/a.cpp", "YAML::Node node;\n", 1),
    ("fence-netlink", "controlplane/io/a.cpp", "#include <libmnl/libmnl.h>\n", 1),
    ("fence-netlink", "controlplane/controller/a.cpp", "#include <netlink/route/link.h>\n", 1),
    ("fence-netlink", "dataplane/node/a.cpp", "auto s = mnl_socket_open(0);\n", 1),
    ("fence-netlink", "controlplane/daemon/a.cpp", "auto s = nl_socket_alloc();\n", 1),
    ("fence-sqlite", "controlplane/controller/a.cpp", "#include <sqlite3.h>\n", 1),
    ("fence-sqlite", "controlplane/api/a.cpp", "sqlite3* database;\n", 1),
    ("fence-curl", "controlplane/io/a.cpp", "#include <curl/curl.h>\n", 1),
    ("fence-curl", "controlplane/daemon/a.cpp", "auto c = curl_easy_init();\n", 1),
    ("fence-rtr", "controlplane/bgp/a.cpp", "#include <rtrlib/rtrlib.h>\n", 1),
    ("fence-rtr", "controlplane/daemon/a.cpp", "rtr_mgr_config* c;\n", 1),
    ("fence-socket", "controlplane/bgp/a.cpp", "#include <sys/socket.h>\n", 1),
    ("fence-socket", "controlplane/probe/a.cpp", "int fd = socket(AF_INET, SOCK_RAW, 1);\n", 1),
    ("fence-socket", "controlplane/controller/a.cpp", "void f() { sendmsg(fd, &m, 0); }\n", 1),
    ("fence-socket", "controlplane/decision/a.cpp", "void f() { ::connect(fd, a, b); }\n", 1),
    ("fence-socket", "controlplane/decision/a.cpp", "void f() { send(peer_fd, a, b, 0); }\n", 1),
    ("fence-socket", "controlplane/observe/a.cpp", "asio::io_context context;\n", 1),
    ("fence-socket", "dataplane/node/a.cpp", "void f() { epoll_wait(1, e, 1, 0); }\n", 1),
    ("fence-socket", "conf/model/a.cpp", "void f() { ::recv(1, e, 1, 0); }\n", 1),
    ("fence-clock", "controlplane/bgp/a.cpp", "auto t = std::chrono::steady_clock::now();\n", 1),
    ("fence-clock", "controlplane/decision/a.cpp", "auto t = system_clock::now();\n", 1),
    ("fence-clock", "controlplane/controller/a.cpp", "clock_gettime(CLOCK_MONOTONIC, &t);\n", 1),
    ("fence-clock", "controlplane/observe/a.cpp", "auto t = time(nullptr);\n", 1),
    ("fence-clock", "conf/types/a.cpp", "gettimeofday(&t, nullptr);\n", 1),
    ("fence-clock", "dataplane/fib/a.cpp", "std::this_thread::sleep_for(1s);\n", 1),
    ("fence-clock", "dataplane/packet/a.cpp", "auto t = __rdtsc();\n", 1),
    ("fence-process", "controlplane/daemon/a.cpp", 'void f() { system("ip link"); }\n', 1),
    ("fence-process", "controlplane/io/a.cpp", "auto p = std::system(command);\n", 1),
    ("fence-process", "controlplane/kernel/a.cpp", 'auto p = popen("nft", "r");\n', 1),
    ("fence-process", "dataplane/engine/a.cpp", "if (::fork() == 0) { }\n", 1),
    ("fence-process", "dataplane/mirror/a.cpp", "execvp(name, arguments);\n", 1),
    ("fence-process", "controlplane/api/a.cpp", "posix_spawn(&p, a, b, c, d, e);\n", 1),
    ("fence-process", "conf/program/a.cpp", "#include <spawn.h>\n", 1),
]

# Text that looks like a breach and is none.
INNOCENT = [
    ("controlplane/bgp/a.cpp", '// #include "dataplane/packet/gre.h"\n'),
    ("controlplane/bgp/a.cpp", '/*\n#include "dataplane/packet/gre.h"\n*/\n'),
    ("controlplane/bgp/a.cpp", 'auto t = R"(\n#include "dataplane/packet/gre.h"\nfork())";\n'),
    ("controlplane/bgp/a.cpp", "int n = 1'000'000; // rte_mbuf\nchar c = '\"'; // fork()\n"),
    ("controlplane/bgp/a.cpp", "void f() { timer.sleep(); peer.accept(x); queue->send(x); hold_time(3); }\n"),
    ("controlplane/bgp/a.cpp", "struct Session { void connect(); void send(Message m); Instant time(); };\n"),
    ("controlplane/bgp/a.cpp", "int separate_write, curlew, ecosystem(3); std::system_error e;\n"),
    ("controlplane/bgp/a.cpp", '#include "conf/types/not_written_yet.h"\n'),
    ("controlplane/bgp/wire/a.cpp", '#include "controlplane/bgp/session.h"\n'),
    ("controlplane/notify/hook.h", ""), ("build/x/a.cpp", "fork();\n"), ("build-asan/a.cpp", "fork();\n"),
    ("tests/unit/node/a.cpp", "#include <rte_mbuf.h>\n"),
    ("controlplane/kernel/a.cpp", '#include "controlplane/controller/inputs.h"\nauto s = mnl_socket_open(0);\n'),
]


def check(files: dict, *arguments: str) -> tuple[int, list[str]]:
    """Exit code and lines of check_layers over a tree of these files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
        done = subprocess.run([CHECK, folder, *arguments], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.splitlines()


class CheckLayers(unittest.TestCase):
    def test_a_clean_tree_passes_without_a_word(self):
        self.assertEqual(check(CLEAN), (0, []))

    def test_each_breach_is_named_where_it_stands(self):
        for rule, path, text, line in BREACHES:
            with self.subTest(rule=rule, path=path, text=text):
                code, lines = check({**CLEAN, path: text})
                # Rules about a folder as a whole name the folder.
                folder = "/".join(path.split("/")[:-1])
                spots = tuple(f"{spot}:{line}: error: [{rule}] " for spot in (path, folder, "/".join(path.split("/")[:2])))
                self.assertEqual(code, 1)
                self.assertTrue(any(found.startswith(spots) for found in lines), lines)

    def test_every_rule_has_a_case_that_breaks_it(self):
        rules = subprocess.run([CHECK, "--list-rules"], capture_output=True, text=True, check=True).stdout.split()
        self.assertEqual(sorted(rules), sorted({rule for rule, *_ in BREACHES}))

    def test_text_that_only_looks_like_a_breach_passes(self):
        for path, text in INNOCENT:
            with self.subTest(path=path, text=text):
                extra = {}
                if path.startswith(("controlplane/notify", "controlplane/kernel")):
                    extra = {os.path.dirname(path) + "/more.cpp": "", os.path.dirname(path) + "/more.h": ""}
                self.assertEqual(check({**CLEAN, path: text, **extra}), (0, []))

    def test_this_repository_passes_in_under_five_seconds(self):
        start = time.monotonic()
        done = subprocess.run([CHECK], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertLess(time.monotonic() - start, 5)


if __name__ == "__main__":
    unittest.main()
