# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""BIRD and FRR as the peer of the tests: the same questions, asked in the words of each.

Both announce HEARD_4 and HEARD_6 on two sessions, 0 over IPv4 and 1 over IPv6, and take both
families on each.
"""

import json
import re

from lab.routers import Bird, Frr

OURS, THEIRS = ("192.0.2.2", "2001:db8:1::2"), ("192.0.2.1", "2001:db8:1::1")
HEARD_4, HEARD_6 = "192.0.2.128/26", "2001:db8:128::/48"


class BirdPeer:
    """Protocols p0 and p1 are the two sessions."""

    def __init__(self, node):
        self.words = node.lab.path("bird-words.log")
        self.bird = Bird(node, "router id 192.0.2.1; protocol device {}")

    def configure(self, *, password: str = "", ttl_security: bool = False, is_passive: bool = False, hold: int = 9,
                  extra_routes: int = 0, is_graceful: bool = False, role: str = "", has_extended_next_hop: bool = False):
        options = (f'password "{password}";' if password else "") + ("ttl security on;" if ttl_security else "") \
            + ("passive on;" if is_passive else "") + ("graceful restart on; graceful restart time 20;" if is_graceful else "") \
            + (f"local role {role};" if role else "")
        over_ipv6 = "extended next hop on;" if has_extended_next_hop else ""
        next_hop_4 = THEIRS[1] if has_extended_next_hop else THEIRS[0]
        more = " ".join(f"route 10.{number}.0.0/16 blackhole;" for number in range(extra_routes))
        sessions = "".join(f"""
            protocol bgp p{number} {{
                local {THEIRS[number]} as 64496; neighbor {OURS[number]} as 64500; direct; {options}
                hold time {hold}; connect delay time 1; connect retry time 1; error wait time 1,2;
                ipv4 {{ import all; export where source = RTS_STATIC; next hop address {next_hop_4}; {over_ipv6} }};
                ipv6 {{ import all; export where source = RTS_STATIC; next hop address {THEIRS[1]}; }};
            }}""" for number in (0, 1))
        self.bird.configure(f"""
            router id 192.0.2.1;
            log "{self.words}" all;
            protocol device {{ scan time 1; }}
            protocol direct {{ ipv4; ipv6; }}
            protocol static s4 {{ ipv4; route {HEARD_4} blackhole; {more} }}
            protocol static s6 {{ ipv6; route {HEARD_6} blackhole; }}
            {sessions}""")
        for protocol in ("s4", "p0", "p1"):  # what a case disabled stays so
            self.bird.ask(f"enable {protocol}")

    def routes(self, session: int) -> dict:
        """Prefix -> attributes, of what this session brought."""
        found = {}
        for family in (4, 6):
            text = self.bird.ask(f"show route all table master{family} protocol p{session}")
            for block in re.split(r"\n(?=[0-9a-f][0-9a-f.:]*/)", text):
                prefix = re.search(r"^[0-9a-f][0-9a-f.:]*/\d+", block, re.MULTILINE)
                if not prefix:
                    continue
                fields = dict(re.findall(r"BGP\.(\w+): ([^\n]*)", block))
                found[prefix[0]] = {
                    "path": fields.get("as_path", "").strip(),
                    "next_hop": fields["next_hop"].split()[0],
                    "med": int(fields["med"]) if "med" in fields else None,
                    "communities": tuples(fields.get("community", "")),
                    "large": tuples(fields.get("large_community", "")),
                }
        return found

    def prefixes(self, session: int) -> set:
        return set(self.routes(session))

    def withdrawals(self, session: int) -> int:
        text = self.bird.ask(f"show protocols all p{session}")
        return sum(int(count) for count in re.findall(r"Import withdraws: +(\d+)", text))

    def restart(self):
        self.bird.restart()

    def ask_for_refresh(self, session: int):
        self.bird.ask(f"reload in p{session}")

    def shut(self, session: int, text: str):
        self.bird.ask(f"'disable p{session} \"{text}\"'")

    def open(self, session: int):
        self.bird.ask(f"enable p{session}")

    def reset(self, session: int):
        self.bird.ask(f"restart p{session}")

    def stop_announcing_ipv4(self):
        self.bird.ask("disable s4")

    def has_heard(self, session: int, text: str) -> bool:
        with open(self.words, encoding="utf-8", errors="replace") as stream:
            return any(f"p{session}:" in line and text in line for line in stream)


def tuples(text: str) -> list:
    """(64500,1) (65535, 0) of BIRD as 64500:1 65535:0."""
    return sorted(re.sub(r"[ ]", "", inner).replace(",", ":") for inner in re.findall(r"\(([^)]*)\)", text))


class FrrPeer:
    def __init__(self, node):
        self.frr = Frr(node, "log stdout\n")

    def configure(self, *, password: str = "", ttl_security: bool = False, is_passive: bool = False, hold: int = 9,
                  extra_routes: int = 0, is_graceful: bool = False, role: str = "", has_extended_next_hop: bool = False):
        extra = [f"10.{number}.0.0/16" for number in range(extra_routes)]
        lines = [f"ip route {prefix} blackhole" for prefix in (HEARD_4, *extra)]
        self.frr.vtysh("-c", "configure terminal", "-c", "no router bgp 64496", check=False)  # there may be none yet
        lines += [f"ipv6 route {HEARD_6} blackhole", "router bgp 64496",
                  "bgp router-id 192.0.2.1", "no bgp ebgp-requires-policy", "no bgp default ipv4-unicast",
                  *(["bgp graceful-restart", "bgp graceful-restart notification"] if is_graceful else [])]
        for address in OURS:
            lines += [f"neighbor {address} {words}" for words in (
                "remote-as 64500", f"timers {hold // 3} {hold}", "timers connect 1", "advertisement-interval 0",
                *([f"password {password}"] if password else []), *(["ttl-security hops 1"] if ttl_security else []),
                *(["passive"] if is_passive else []), *([f"local-role {role}"] if role else []),
                *(["capability extended-nexthop"] if has_extended_next_hop else []))]
        for family, prefixes in (("ipv4", (HEARD_4, *extra)), ("ipv6", (HEARD_6,))):
            lines += [f"address-family {family} unicast", *(f"network {prefix}" for prefix in prefixes),
                      *(f"neighbor {address} activate" for address in OURS), "exit-address-family"]
        self.frr.configure("\n".join(lines) + "\n")

    def ask(self, question: str) -> dict:
        return json.loads(self.frr.ask(question))

    def routes(self, session: int) -> dict:
        found = {}
        for family in ("ipv4", "ipv6"):
            table = self.ask(f"show bgp {family} unicast json").get("routes", {})
            for prefix in table:
                for path in self.ask(f"show bgp {family} unicast {prefix} json").get("paths", []):  # gone since
                    if path["peer"].get("peerId") != OURS[session]:
                        continue
                    found[prefix] = {
                        "path": path["aspath"]["string"],
                        "next_hop": next(hop["ip"] for hop in path["nexthops"] if hop.get("scope", "global") == "global"),
                        "med": path.get("metric"),
                        "communities": sorted(WELL_KNOWN.get(each, each) for each in path.get("community", {}).get("list", [])),
                        "large": sorted(path.get("largeCommunity", {}).get("list", [])),
                    }
        return found

    def prefixes(self, session: int) -> set:
        """Of all routes by one question: routes() asks once more for each."""
        return {prefix for family in ("ipv4", "ipv6")
                for prefix, paths in self.ask(f"show bgp {family} unicast json").get("routes", {}).items()
                if any(path.get("peerId") == OURS[session] for path in paths)}

    def neighbour(self, session: int) -> dict:
        return self.ask(f"show bgp neighbors {OURS[session]} json")[OURS[session]]

    def withdrawals(self, session: int) -> int:
        """FRR does not count them; what it logs of them does."""
        return 0

    def ask_for_refresh(self, session: int):
        for family in ("ipv4", "ipv6"):
            self.frr.ask(f"clear bgp {family} unicast {OURS[session]} soft in")

    def shut(self, session: int, text: str):
        self.bgp(f"neighbor {OURS[session]} shutdown message {text}")

    def open(self, session: int):
        self.bgp(f"no neighbor {OURS[session]} shutdown")

    def reset(self, session: int):
        self.frr.ask(f"clear bgp {OURS[session]}")

    def stop_announcing_ipv4(self):
        self.bgp("address-family ipv4 unicast", f"no network {HEARD_4}")

    def bgp(self, *lines: str):
        self.frr.vtysh("-c", "configure terminal", "-c", "router bgp 64496", *(w for line in lines for w in ("-c", line)))

    def has_heard(self, session: int, text: str) -> bool:
        return text in json.dumps(self.neighbour(session))


WELL_KNOWN = {"gracefulShutdown": "65535:0", "graceful-shutdown": "65535:0", "noExport": "65535:65281",
              "no-export": "65535:65281"}
