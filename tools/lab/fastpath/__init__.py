# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""How fast the fast path is, beside its peers on the same machine: the body of `tools/bench fastpath`."""
