# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The lab: networks, peers, faults and traffic for the demo, the network tests and the benches."""
