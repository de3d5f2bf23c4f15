# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The Internet of the null-route story.

                      outside
                         |
      r501 ----------- r502 ----------- r503          targets in three ASNs; BIRD, FRR, BIRD
        |   \\______________/|____________/ |           (r501 and r503 are neighbours too)
        |                  | \\             |
        +---- provider ----+  +-- partner --+          AS64496 BIRD; AS64497 Linux GRE and BIRD
                 |                   |
                wan0               xcon0
                 +------- box -------+                  AS64500, detour
                           |
                         lan0
                           |
                        customer                        198.51.100.0/24, 203.0.113.0/24, 2001:db8:77::/48

Every router chooses by best path. Which way they like better while both announce is the length of the
AS path: the side that is not preferred prepends, always, for all its customers.
"""

from .routers import Bird, Frr
from .topology import Lab

MAIL4, WEB4, WEB6 = "198.51.100.0/24", "203.0.113.0/24", "2001:db8:77::/48"
CUSTOMER_HOSTS = {"mail": ["198.51.100.10"], "web": ["203.0.113.10", "2001:db8:77::10"]}
OUTSIDE4, OUTSIDE6 = "192.0.2.226", "2001:db8:fe::226"
TARGETS = {64501: ["192.0.2.129", "192.0.2.130", "2001:db8:501::1", "2001:db8:501::2"],
           64502: ["192.0.2.137", "192.0.2.138", "2001:db8:502::1", "2001:db8:502::2"],
           64503: ["192.0.2.145", "192.0.2.146", "2001:db8:503::1", "2001:db8:503::2"]}
SENTINELS = ["192.0.2.161", "192.0.2.165", "2001:db8:161::1", "2001:db8:161::5"]
PARTNER = ["192.0.2.97", "2001:db8:98::97"]
KEY = 7

BIRD_HEAD = """\
router id {router_id};
protocol device {{ scan time 1; }}
protocol direct {{ ipv4; ipv6; }}
protocol kernel kernel4 {{ ipv4 {{ export where source != RTS_DEVICE; }}; metric 100; }}
protocol kernel kernel6 {{ ipv6 {{ export where source != RTS_DEVICE; }}; metric 100; }}
"""

BIRD_BFD = """\
protocol bfd {{ interface "{device}" {{ min rx interval 50 ms; min tx interval 50 ms; multiplier 3; }}; }}
"""

# Cables between routers: (left, right): the IPv4 /30 and IPv6 /64, .1 and ::1 on the left.
CABLES = {("r501", "r502"): ("192.0.2.192", "2001:db8:f1::"), ("r501", "r503"): ("192.0.2.196", "2001:db8:f2::"),
          ("r502", "r503"): ("192.0.2.200", "2001:db8:f3::"), ("provider", "r501"): ("192.0.2.204", "2001:db8:f4::"),
          ("provider", "r502"): ("192.0.2.208", "2001:db8:f5::"),
          ("partner", "r502"): ("192.0.2.212", "2001:db8:f6::"),
          ("partner", "r503"): ("192.0.2.216", "2001:db8:f7::")}
ASN = {"r501": 64501, "r502": 64502, "r503": 64503, "provider": 64496, "partner": 64497}
OWN = {"r501": ["192.0.2.128/29", "2001:db8:501::/48"], "r502": ["192.0.2.136/29", "2001:db8:502::/48",
                                                                 "192.0.2.224/29", "2001:db8:fe::/48"],
       "r503": ["192.0.2.144/29", "2001:db8:503::/48"],
       "provider": ["192.0.2.0/30", "2001:db8:1::/48", "192.0.2.160/29", "2001:db8:161::/48"],
       "partner": ["192.0.2.96/29", "2001:db8:98::/48"]}


def is_v6(address: str) -> bool:
    return ":" in address


def host(network: str, number: int) -> str:
    """Host `number` of a cable's network."""
    if is_v6(network):
        return f"{network}{number}"
    head, last = network.rsplit(".", 1)
    return f"{head}.{int(last) + number}"


def neighbours(name: str) -> list:
    """(neighbour, our addresses, theirs) of each cable of a router."""
    found = []
    for (left, right), networks in CABLES.items():
        if left == name:
            found.append((right, [host(n, 1) for n in networks], [host(n, 2) for n in networks]))
        elif right == name:
            found.append((left, [host(n, 2) for n in networks], [host(n, 1) for n in networks]))
    return found


def own_routes(name: str) -> str:
    text = ""
    for family in (4, 6):
        routes = [p for p in OWN[name] if is_v6(p) == (family == 6)]
        text += f"protocol static own{family} {{ ipv{family};\n"
        text += "".join(f"  route {p} unreachable;\n" for p in routes) + "}\n"
    return text


def bird_peer(name: str, ours: str, theirs: str, asn: int, peer_asn: int, *, exports: str, imports: str = "all",
              password: str = "", options: str = "", channels: tuple = ()) -> str:
    families = channels or ((6,) if is_v6(ours) else (4,))
    text = f"protocol bgp {name} {{\n  local {ours} as {asn};\n  neighbor {theirs} as {peer_asn};\n"
    text += "  error wait time 1,4; connect delay time 1; connect retry time 2;\n"
    text += f"  password \"{password}\";\n" if password else ""
    text += f"  {options}\n" if options else ""
    for family in families:
        text += f"  ipv{family} {{ import {imports}; export {exports}; next hop self; }};\n"
    return text + "}\n"


def transit_exports(name: str, prepends: int, family: int) -> str:
    """What a provider of this lab tells the routers above it: its own and its customers' networks."""
    own = ", ".join(p for p in OWN[name] if is_v6(p) == (family == 6))
    prepend = " ".join(f"bgp_path.prepend({ASN[name]});" for _ in range(prepends))
    return (f"filter {{ if net ~ [{own}] then accept; "
            f"if source = RTS_BGP && bgp_path.last = 64500 then {{ {prepend} accept; }} reject; }}")


class Internet:
    """Made at once; `start()` brings the routers up. The box's side is left to its maker: the namespaces
    `box` and `customer` are there, with phy-wan, phy-xcon and phy-lan in the box."""

    def __init__(self, lab: Lab, prefer: str = "provider", *, has_bfd: bool = False, partner_session: str = ""):
        """`has_bfd`: the provider offers it to the box. `partner_session`: BIRD's words for the session with
        a box that is not at the tunnel's end."""
        self.lab, self.prefer, self.has_bfd = lab, prefer, has_bfd
        self.partner_session = partner_session or self.downwards_partner()
        self.nodes = {name: lab.namespace(name) for name in ("box", "customer", "outside", "provider", "r501", "r502",
                                                             "r503")}
        self.nodes["partner"] = lab.linux_with_gre("partner")
        self.birds = {}
        node = self.nodes
        lab.link(node["provider"], "wan", node["box"], "phy-wan")
        lab.link(node["box"], "phy-xcon", node["partner"], "xcon")
        lab.link(node["box"], "phy-lan", node["customer"], "lan")
        lab.link(node["r502"], "outside", node["outside"], "net0")
        for left, right in CABLES:
            lab.link(node[left], right, node[right], left)
        self.partner.boot()

    @property
    def box(self):
        return self.nodes["box"]

    @property
    def partner(self):
        return self.nodes["partner"]

    @property
    def provider(self):
        return self.nodes["provider"]

    # --- addresses

    def start(self):
        for name in ("provider", "partner", "r501", "r502", "r503"):
            self.nodes[name].as_router()
            for neighbour, ours, _ in neighbours(name):
                self.nodes[name].setup(f"link set {neighbour} up", f"addr add {ours[0]}/30 dev {neighbour}",
                                       f"addr add {ours[1]}/64 dev {neighbour} nodad")
        for name in ("r501", "r502", "r503"):
            self.loopbacks(name, TARGETS[ASN[name]])
        self.loopbacks("provider", SENTINELS)
        self.loopbacks("partner", PARTNER)
        self.provider.setup("link set wan up", "addr add 192.0.2.1/30 dev wan", "addr add 2001:db8:1::1/64 dev wan nodad")
        self.nodes["r502"].setup("link set outside up", "addr add 192.0.2.225/29 dev outside",
                                 "addr add 2001:db8:fe::225/64 dev outside nodad")
        self.nodes["outside"].setup("link set net0 up", f"addr add {OUTSIDE4}/29 dev net0",
                                    f"addr add {OUTSIDE6}/64 dev net0 nodad",
                                    "route add default via 192.0.2.225", "route add default via 2001:db8:fe::225")
        self.nodes["customer"].setup(
            "link set lan up", "addr add 10.1.0.2/24 dev lan", "addr add 2001:db8:10::2/64 dev lan nodad",
            *(f"addr add {a} dev lo" for hosts in CUSTOMER_HOSTS.values() for a in hosts),
            "route add default via 10.1.0.1", "route add default via 2001:db8:10::1")
        self.start_partner_tunnel()
        self.start_routers()

    def loopbacks(self, name: str, addresses: list):
        self.nodes[name].setup(*(f"addr add {a}/{128 if is_v6(a) else 32} dev lo" for a in addresses))

    def start_partner_tunnel(self):
        self.partner.setup(
            "link set xcon up", "addr add 192.0.2.65/30 dev xcon",
            f"link add detour type gre local 192.0.2.65 remote 192.0.2.66 key {KEY} ttl 64 dev xcon",
            "link set detour up mtu 1472", "addr add 10.255.0.0/31 dev detour", "addr add 2001:db8:ff::/127 dev detour nodad",
            "route add 192.0.2.98/32 dev detour", "route add 2001:db8:98::1/128 dev detour")

    # --- routing

    def start_routers(self):
        for name, router_id, peers in (
                ("r501", "192.0.2.129", self.mesh("r501")), ("r503", "192.0.2.145", self.mesh("r503")),
                ("provider", "192.0.2.161", self.upwards("provider") + self.downwards_provider()),
                ("partner", "192.0.2.97", self.upwards("partner") + self.partner_session)):
            self.birds[name] = Bird(self.nodes[name], BIRD_HEAD.format(router_id=router_id) + own_routes(name) + peers)
        self.frr = Frr(self.nodes["r502"], self.frr_config())

    def mesh(self, name: str) -> str:
        return "".join(bird_peer(f"{neighbour}_{'v6' if is_v6(ours[i]) else 'v4'}", ours[i], theirs[i], ASN[name],
                                 ASN[neighbour], exports="where source ~ [RTS_BGP, RTS_STATIC]")
                       for neighbour, ours, theirs in neighbours(name) for i in (0, 1))

    def upwards(self, name: str) -> str:
        prepends = 0 if name == self.prefer else 2
        return "".join(bird_peer(f"{neighbour}_{'v6' if is_v6(ours[i]) else 'v4'}", ours[i], theirs[i], ASN[name],
                                 ASN[neighbour], exports=transit_exports(name, prepends, 6 if i else 4))
                       for neighbour, ours, theirs in neighbours(name) for i in (0, 1))

    def downwards_provider(self) -> str:
        common = {"exports": "where source ~ [RTS_BGP, RTS_STATIC]", "password": "detour-lab",
                  "options": "ttl security on; hold time 9;" + (" bfd on;" if self.has_bfd else "")}
        return ((BIRD_BFD.format(device="wan") if self.has_bfd else "")
                + bird_peer("detour_v4", "192.0.2.1", "192.0.2.2", 64496, 64500, **common)
                + bird_peer("detour_v6", "2001:db8:1::1", "2001:db8:1::2", 64496, 64500, **common))

    @staticmethod
    def downwards_partner() -> str:
        # One session over IPv4 carries both families; our IPv6 next hop is said explicitly.
        return ("protocol bgp detour {\n  local 10.255.0.0 as 64497;\n  neighbor 10.255.0.1 as 64500;\n"
                "  error wait time 1,4; connect delay time 1; connect retry time 2; hold time 9;\n"
                "  ipv4 { import all; export where source ~ [RTS_BGP, RTS_STATIC]; next hop self; };\n"
                "  ipv6 { import all; export where source ~ [RTS_BGP, RTS_STATIC]; next hop address 2001:db8:ff::; };\n}\n")

    def frr_config(self) -> str:
        lines = ["frr defaults datacenter", "ip prefix-list own4 seq 5 permit any", "router bgp 64502",
                 " bgp router-id 192.0.2.137", " no bgp ebgp-requires-policy", " no bgp default ipv4-unicast",
                 " no bgp network import-check"]
        families = {4: [], 6: []}
        for neighbour, _, theirs in neighbours("r502"):
            for address in theirs:
                lines += [f" neighbor {address} remote-as {ASN[neighbour]}", f" neighbor {address} timers connect 1",
                          f" neighbor {address} advertisement-interval 0"]
                families[6 if is_v6(address) else 4].append(address)
        for family, addresses in families.items():
            lines += [f" address-family ipv{family} unicast"]
            lines += [f"  network {p}" for p in OWN["r502"] if is_v6(p) == (family == 6)]
            lines += [f"  neighbor {a} activate" for a in addresses] + [" exit-address-family"]
        return "\n".join(lines) + "\n"

    def wait_for_routes(self, seconds: float = 30):
        """Until every target can be reached from the provider and from the partner."""
        for node, (source4, source6) in ((self.provider, SENTINELS[1:3]), (self.partner, PARTNER)):
            for addresses in TARGETS.values():
                for address in addresses[::2]:
                    node.wait_for_ping(address, seconds, source=source6 if is_v6(address) else source4)

    def path_to(self, prefix: str) -> dict:
        """Which neighbour each BIRD of the Internet uses for a prefix, as an AS path."""
        found = {}
        for name in ("r501", "r503"):
            text = self.birds[name].ask(f"show route for {prefix} all primary")
            marker = text.find("BGP.as_path:")
            found[name] = text[marker + 12:].splitlines()[0].strip() if marker >= 0 else ""
        return found

    # --- faults

    def null_route(self, *prefixes: str):
        """The provider throws the block away: everywhere inside, its sessions and routes as before."""
        self.provider.setup(*(f"route add blackhole {p} metric 1" for p in prefixes))

    def lift_null_route(self, *prefixes: str):
        self.provider.setup(*(f"route del blackhole {p} metric 1" for p in prefixes))

