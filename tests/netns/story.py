#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The null-route story on real packets, and the commands that tell of it. The picture stands on top of
tools/lab/internet.py.
"""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
from lab import cases, story  # noqa: E402  (the path comes first)
from lab.timeline import Timeline  # noqa: E402
from lab.topology import Lab  # noqa: E402


class Story(unittest.TestCase):
    maxDiff = None

    def play(self, profile: str, prefer: str, detect: dict | None = None) -> story.Story:
        lab = Lab(f"story-{prefer}")
        self.addCleanup(lab.__exit__, None, None, None)
        played = story.Story(lab, Timeline(), profile, prefer, detect)
        story.play(played)
        self.assertEqual(played.result.shortfalls(), [], f"{played.result}")
        return played

    def test_the_internet_prefers_the_provider(self):
        played = self.play("fast", "provider")
        self.tell(played.night)
        self.stop_cleanly(played.night)

    def test_the_internet_prefers_the_partner(self):
        # With another T_min than the profile's: the verdict waits for it, and `why` names it.
        played = self.play("fast", "partner", {"forgiven-gap": "400ms"})
        self.assertGreater(played.result.nullroute_to_verdict_ms, 400)
        why = played.night.detour("why", "203.0.113.0/24")
        self.assertIn("at least 400 ms", why)
        self.assertNotIn("at least 250 ms", why)

    def tell(self, night):
        """why and events give what happened, from the journal."""
        why = night.detour("why", "203.0.113.0/24")
        for words in ("NULLROUTED on provider", "score", "announced via partner", "failback"):
            self.assertIn(words, why)
        self.assertIn("#", why)
        self.assertIn("at least 250 ms", why)
        kinds = {row["kind"] for row in night.events(1000, "web")}
        self.assertLessEqual({"verdict", "move", "announcement", "forwarding"}, kinds)
        self.assertIn("web/ipv4", night.detour("status"))
        self.assertIn("there is no prefix set", self.refusal(night, "move", "nothing", "--to", "partner"))
        self.assertIn("there is no uplink", self.refusal(night, "move", "web", "--to", "nobody"))

    def refusal(self, night, *words: str) -> str:
        return night.detour(*words, "--reason", "a test", "-j")

    def stop_cleanly(self, night):
        """The clean stop leaves nothing of ours in the kernel."""
        night.stop()
        for family in ("-4", "-6"):
            self.assertNotIn("proto 142", night.node.ip(f"{family} rule show"))
            self.assertEqual(night.node.ip(f"{family} route show table all proto 142"), "")
        self.assertEqual(night.node.ip("nexthop show proto 142"), "")
        self.assertNotIn("wan0", night.node.ip("-br link"))


if __name__ == "__main__":
    cases.main()
