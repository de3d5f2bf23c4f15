# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""Who stands between the customer and the two uplinks: detour, or BIRD or FRR on a plain Linux kernel.

The peers announce through both sides at all times, longer by two prepends through the partner, with BFD
50 ms x 3 to the provider: what an engineer builds today from packages. They reach the partner over the
cross-connect itself, without a tunnel.
"""

from .. import internet
from ..night import Night
from ..process import wait_until
from ..routers import Bird, Frr

SETS4, SETS6 = [internet.MAIL4, internet.WEB4], [internet.WEB6]
# The cross-connect without a tunnel: the partner's end, the box's.
XCON4, XCON6 = ("192.0.2.65", "192.0.2.66"), ("2001:db8:65::1", "2001:db8:65::2")


class Detour:
    name = "detour"
    moves_on_command = True

    def __init__(self, lab, prefer: str, profile: str):
        self.net = internet.Internet(lab, prefer)
        self.night = Night(self.net, profile, policy={"fail-back": "manual"})

    def start(self):
        self.net.start()
        self.night.start()
        self.night.wait_ready(90)

    def move_away(self):
        self.night.detour("move", "web", "--to", "partner", "--yes", "-r", "bench", check=True)

    def move_home(self):
        self.night.detour("move", "web", "--to", "provider", "--yes", "-r", "bench", check=True)

    def wait_away(self):
        self.night.wait_on("partner", "web", ("ipv4", "ipv6"), 60)


class LinuxRouter:
    """A box whose kernel forwards; who speaks BGP is the heir's matter."""

    moves_on_command = False

    def __init__(self, lab, prefer: str, _profile: str):
        self.net = internet.Internet(lab, prefer, has_bfd=True, partner_session=self.partner_session())

    @staticmethod
    def partner_session() -> str:
        return "".join(internet.bird_peer(f"box_v{family}", ends[0], ends[1], 64497, 64500, options="hold time 9;",
                                          exports="where source ~ [RTS_BGP, RTS_STATIC]")
                       for family, ends in ((4, XCON4), (6, XCON6)))

    def start(self):
        box = self.net.box
        self.net.start()
        box.as_router()
        self.net.partner.setup(f"addr add {XCON6[0]}/64 dev xcon nodad")
        box.setup("link set phy-wan up", "link set phy-xcon up", "link set phy-lan up",
                  "addr add 192.0.2.2/30 dev phy-wan", "addr add 2001:db8:1::2/64 dev phy-wan nodad",
                  f"addr add {XCON4[1]}/30 dev phy-xcon", f"addr add {XCON6[1]}/64 dev phy-xcon nodad",
                  "addr add 10.1.0.1/24 dev phy-lan", "addr add 2001:db8:10::1/64 dev phy-lan nodad",
                  *(f"route add {prefix} via 10.1.0.2" for prefix in SETS4),
                  *(f"route add {prefix} via 2001:db8:10::2" for prefix in SETS6))
        self.start_router()
        for session in ("detour_v4", "detour_v6"):
            self.net.birds["provider"].wait_established(session, 60)
        for session in ("box_v4", "box_v6"):
            self.net.birds["partner"].wait_established(session, 60)
        self.wait_bfd()

    def wait_bfd(self):
        wait_until(lambda: self.net.birds["provider"].ask("show bfd sessions").count(" Up ") == 2, 30, "two BFD sessions")


class BirdRouter(LinuxRouter):
    name = "bird"

    def start_router(self):
        exports = "where source = RTS_STATIC"
        away = "filter { if source = RTS_STATIC then { bgp_path.prepend(64500); bgp_path.prepend(64500); accept; } reject; }"
        # The sets are in the kernel already; BIRD's own routes for them only say what is announced.
        config = internet.BIRD_HEAD.format(router_id="192.0.2.2").replace("source != RTS_DEVICE", "source = RTS_BGP")
        config += internet.BIRD_BFD.format(device="phy-wan")
        for family, prefixes in ((4, SETS4), (6, SETS6)):
            routes = "".join(f"  route {prefix} unreachable;\n" for prefix in prefixes)
            config += f"protocol static own{family} {{ ipv{family};\n{routes}}}\n"
        for family, theirs, ours in ((4, "192.0.2.1", "192.0.2.2"), (6, "2001:db8:1::1", "2001:db8:1::2")):
            config += internet.bird_peer(f"provider_v{family}", ours, theirs, 64500, 64496, exports=exports,
                                         imports="filter { bgp_local_pref = 200; accept; }", password="detour-lab",
                                         options="ttl security on; hold time 9; bfd on;")
        for family, ends in ((4, XCON4), (6, XCON6)):
            config += internet.bird_peer(f"partner_v{family}", ends[1], ends[0], 64500, 64497, exports=away,
                                         options="hold time 9;")
        self.router = Bird(self.net.box, config)


class FrrRouter(LinuxRouter):
    name = "frr"

    def start_router(self):
        lines = ["bfd", " profile fast", "  detect-multiplier 3", "  receive-interval 50", "  transmit-interval 50", " exit",
                 "exit", "route-map away permit 10", " set as-path prepend 64500 64500", "exit",
                 "route-map first permit 10", " set local-preference 200", "exit",
                 "ip prefix-list own seq 5 permit 198.51.100.0/24", "ip prefix-list own seq 10 permit 203.0.113.0/24",
                 "ipv6 prefix-list own seq 5 permit 2001:db8:77::/48",
                 "router bgp 64500", " bgp router-id 192.0.2.2", " no bgp ebgp-requires-policy",
                 " no bgp default ipv4-unicast", " no bgp network import-check"]
        sides = {4: ("192.0.2.1", XCON4[0], SETS4), 6: ("2001:db8:1::1", XCON6[0], SETS6)}
        for provider, partner, _ in sides.values():
            lines += [f" neighbor {provider} remote-as 64496", f" neighbor {provider} password detour-lab",
                      f" neighbor {provider} ttl-security hops 1", f" neighbor {provider} bfd profile fast",
                      f" neighbor {partner} remote-as 64497"]
            for address in (provider, partner):
                lines += [f" neighbor {address} timers 3 9", f" neighbor {address} timers connect 1",
                          f" neighbor {address} advertisement-interval 0"]
        for family, (provider, partner, prefixes) in sides.items():
            lines += [f" address-family ipv{family} unicast"] + [f"  network {prefix}" for prefix in prefixes]
            for address in (provider, partner):
                lines += [f"  neighbor {address} activate", f"  neighbor {address} prefix-list own out"]
            lines += [f"  neighbor {provider} route-map first in", f"  neighbor {partner} route-map away out",
                      " exit-address-family"]
        self.router = Frr(self.net.box, "\n".join(lines) + "\n", daemons=("bgpd", "bfdd"))


SUBJECTS = {subject.name: subject for subject in (Detour, BirdRouter, FrrRouter)}
