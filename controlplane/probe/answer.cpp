// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/probe/answer.h"

#include "controlplane/probe/wire/segment.h"

namespace detour::probe {

namespace {

std::optional<Answer> answer_of(Kind kind, const std::expected<EchoHead, ReplyError>& head,
                                std::size_t size = echo_head_size) {
    if (!head)
        return std::nullopt;
    Answer answer{kind, {head->begin(), head->end()}};
    answer.message.resize(size);
    return answer;
}

}  // namespace

std::optional<Answer> answer(const Send& send, Manner manner) {
    switch (send.kind) {
        case Kind::icmp:
            return answer_of(
                Kind::icmp,
                answer_echo_request(send.head, send.size, send.source, send.destination),
                send.size);
        case Kind::tcp:
            return answer_of(
                Kind::tcp,
                answer_syn(send.head, manner == Manner::open ? PortState::open : PortState::closed,
                           send.source, send.destination));
        case Kind::udp:
            break;
    }
    const auto echoed = answer_datagram(send.head, send.source, send.destination);
    if (manner == Manner::open || !echoed)
        return answer_of(Kind::udp, echoed);
    return Answer{Kind::icmp,
                  answer_with_error(IcmpError::Meaning::port_unreachable, send.destination,
                                    send.source, send.destination, udp_protocol, send.head)};
}

}  // namespace detour::probe
