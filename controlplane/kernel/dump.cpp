// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/dump.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstring>

namespace detour::kernel {
namespace {

struct Step {
    std::uint16_t type;
    std::uint8_t family;
    std::size_t header_size;
};

// In the order in which things hang on each other.
constexpr std::array<Step, 9> steps{{
    {RTM_GETLINK, AF_UNSPEC, sizeof(ifinfomsg)},
    {RTM_GETADDR, AF_INET, sizeof(ifaddrmsg)},
    {RTM_GETADDR, AF_INET6, sizeof(ifaddrmsg)},
    {RTM_GETNEXTHOP, AF_UNSPEC, sizeof(nhmsg)},
    {RTM_GETROUTE, AF_INET, sizeof(rtmsg)},
    {RTM_GETROUTE, AF_INET6, sizeof(rtmsg)},
    {RTM_GETRULE, AF_INET, sizeof(fib_rule_hdr)},
    {RTM_GETRULE, AF_INET6, sizeof(fib_rule_hdr)},
    {RTM_GETNEIGH, AF_UNSPEC, sizeof(ndmsg)},
}};

struct Inclusion {
    Picture& picture;

    void operator()(const plan::Link& link) const { picture.actual.links[link.index] = link; }
    void operator()(const Notice::Address& address) const {
        picture.actual.addresses.insert_or_assign(address.first, address.second);
    }
    void operator()(const Notice::Rule& rule) const {
        picture.actual.rules.insert_or_assign(rule.first, rule.second);
    }
    void operator()(const plan::Nexthop& nexthop) const {
        picture.actual.nexthops.insert_or_assign(nexthop.id, nexthop);
    }
    void operator()(const plan::Route& route) const {
        picture.actual.routes.insert_or_assign(route.key, route.way);
    }
    void operator()(const Neighbour& neighbour) const { picture.neighbours.push_back(neighbour); }
};

}  // namespace

std::expected<void, KernelError> Dump::start() {
    if (is_running_) {
        is_restarted_ = true;
        return {};
    }
    picture_ = {};
    step_ = 0;
    return request();
}

std::expected<void, KernelError> Dump::request() {
    alignas(nlmsghdr) std::array<std::uint8_t, 128> buffer{};
    const Step& step = steps[step_];
    nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
    message->nlmsg_type = step.type;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    message->nlmsg_seq = ++sequence_;
    // Each of the headers begins with its family.
    auto* header =
        static_cast<std::uint8_t*>(mnl_nlmsg_put_extra_header(message, step.header_size));
    header[0] = step.family;
    if (step.type == RTM_GETROUTE)
        reinterpret_cast<rtmsg*>(header)->rtm_protocol = plan::our_protocol;
    if (step.type == RTM_GETLINK)
        mnl_attr_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    is_step_done_ = is_interrupted_ = false;
    error_ = 0;
    auto sent = socket_.send({buffer.data(), message->nlmsg_len});
    is_running_ = sent.has_value();
    return sent;
}

void Dump::take(const nlmsghdr& message) {
    if (message.nlmsg_seq != sequence_)
        return;
    if ((message.nlmsg_flags & NLM_F_DUMP_INTR) != 0)
        is_interrupted_ = true;
    if (message.nlmsg_type == NLMSG_DONE || message.nlmsg_type == NLMSG_ERROR) {
        is_step_done_ = true;
        // Both begin with an errno, negative.
        if (mnl_nlmsg_get_payload_len(&message) >= sizeof(int)) {
            int code = 0;
            std::memcpy(&code, mnl_nlmsg_get_payload(&message), sizeof code);
            error_ = code < 0 ? -code : 0;
        }
        return;
    }
    if (const auto notice = decode(message); notice && notice->presence == Presence::present)
        std::visit(Inclusion{picture_}, notice->object);
}

std::expected<void, KernelError> Dump::finish_step() {
    if (error_ != 0 && !is_interrupted_) {
        is_running_ = false;
        return std::unexpected(
            KernelError{error_, fmt::format("the kernel refused dump {} of {}: {}", step_ + 1,
                                            steps.size(), std::strerror(error_))});
    }
    // What an interrupted step brought may mix two moments: take all of it again.
    if (is_interrupted_ || is_restarted_) {
        is_running_ = is_restarted_ = false;
        return start();
    }
    if (++step_ < steps.size())
        return request();
    is_running_ = false;
    return {};
}

std::expected<std::optional<Picture>, KernelError> Dump::on_readable() {
    // A dump's datagrams are made while they are read, so this bounds the kernel's share, too.
    for (int datagrams = 0; datagrams < 24 && is_running_; ++datagrams) {
        const auto got = socket_.receive([&](const nlmsghdr& message) { take(message); });
        if (!got) {
            is_running_ = false;
            return std::unexpected(got.error());
        }
        if (*got == Socket::Reception::empty)
            break;
        if (*got == Socket::Reception::overrun)
            is_interrupted_ = true;
        if (is_step_done_)
            if (auto next = finish_step(); !next)
                return std::unexpected(next.error());
    }
    if (is_running_ || step_ != steps.size())
        return std::nullopt;
    step_ = 0;
    return std::move(picture_);
}

}  // namespace detour::kernel
