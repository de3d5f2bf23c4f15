// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/drop.h"

#include <rte_mbuf.h>

namespace detour::node {

void DropNode::flush() {
    if (count_ == 0)
        return;
    rte_pktmbuf_free_bulk(buffers_.data(), static_cast<unsigned>(count_));
    count_ = 0;
}

}  // namespace detour::node
