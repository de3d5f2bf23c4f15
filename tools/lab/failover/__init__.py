# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""What tools/bench failover plays: faults in the Internet of the story, with detour or another router as the box."""
