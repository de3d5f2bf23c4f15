# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The detour authors
"""The rooms of tests/packets/run: case (the language), frames (its words), compare, box, play."""
