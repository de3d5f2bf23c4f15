// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/announcement.h"

namespace detour::bgp {

std::string_view to_string(Progress progress) {
    switch (progress) {
        case Progress::pending:
            return "pending";
        case Progress::sent:
            return "sent";
        case Progress::acknowledged:
            return "acknowledged";
    }
    return "?";
}

}  // namespace detour::bgp
