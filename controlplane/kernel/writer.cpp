// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/writer.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "controlplane/kernel/encode.h"

namespace detour::kernel {
namespace {

// Operations a system call: their acknowledgements (about 1 KB of buffer each) must all fit.
constexpr std::size_t batch_size = 128;

// The text of an extended acknowledgement.
std::string extended_text(const nlmsghdr& message) {
    if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0)
        return {};
    // With NETLINK_CAP_ACK only the header of the request is repeated in front of the attributes.
    const auto* attribute =
        static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message, sizeof(nlmsgerr)));
    const auto* tail = static_cast<const std::uint8_t*>(mnl_nlmsg_get_payload_tail(&message));
    while (mnl_attr_ok(attribute,
                       static_cast<int>(tail - reinterpret_cast<const std::uint8_t*>(attribute)))) {
        if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG)
            return mnl_attr_get_str(attribute);
        attribute = mnl_attr_next(attribute);
    }
    return {};
}

bool was_already_gone(const plan::Operation& operation, int code) {
    return operation.verb == plan::Verb::remove &&
           (code == ESRCH || code == ENOENT || code == EADDRNOTAVAIL || code == ENODEV);
}

std::string explain(const plan::Operation& operation, int code, std::string text) {
    const auto* link = std::get_if<plan::LinkGoal>(&operation.object);
    if (link != nullptr && operation.verb == plan::Verb::create && code == EOPNOTSUPP)
        return "this kernel has no gre tunnels: load the module ip_gre (ip6_gre for IPv6 "
               "endpoints), or use dataplane.kind dpdk";
    return text.empty() ? std::strerror(code) : text;
}

}  // namespace

std::expected<std::vector<Answer>, KernelError> Writer::run(
    std::span<const plan::Operation> operations) {
    std::vector<Answer> answers;
    answers.reserve(operations.size());
    while (!operations.empty()) {
        const std::size_t count = std::min(batch_size, operations.size());
        if (auto ran = run_batch(operations.first(count), answers); !ran)
            return std::unexpected(ran.error());
        operations = operations.subspan(count);
    }
    return answers;
}

std::expected<void, KernelError> Writer::run_batch(std::span<const plan::Operation> operations,
                                                   std::vector<Answer>& answers) {
    Batch batch(sequence_);
    std::vector<std::size_t> owners;  // of each message, by its place in the batch
    const std::size_t first_answer = answers.size();
    for (const plan::Operation& operation : operations) {
        batch.add(operation);
        owners.resize(batch.next_sequence() - sequence_, answers.size());
        answers.emplace_back();
    }
    const std::uint32_t first_sequence = sequence_;
    sequence_ = batch.next_sequence();
    if (auto sent = socket_.send(batch.bytes()); !sent)
        return sent;

    std::size_t outstanding = owners.size();
    const auto take = [&](const nlmsghdr& message) {
        const std::uint32_t place = message.nlmsg_seq - first_sequence;
        if (message.nlmsg_type != NLMSG_ERROR || place >= owners.size() ||
            mnl_nlmsg_get_payload_len(&message) < sizeof(int))
            return;
        --outstanding;
        int code = 0;
        std::memcpy(&code, mnl_nlmsg_get_payload(&message), sizeof code);
        const plan::Operation& operation = operations[owners[place] - first_answer];
        Answer& answer = answers[owners[place]];
        if (code != 0 && answer.code == 0 && !was_already_gone(operation, -code))
            answer = {-code, explain(operation, -code, extended_text(message))};
    };
    while (outstanding != 0) {
        const auto got = socket_.receive(take);
        if (!got)
            return std::unexpected(got.error());
        if (*got != Socket::Reception::messages)
            return std::unexpected(KernelError{
                ENOBUFS, fmt::format("the kernel left {} requests unanswered", outstanding)});
    }
    return {};
}

}  // namespace detour::kernel
