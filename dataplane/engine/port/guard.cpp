// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/port/guard.h"

#include <fmt/format.h>
#include <nftables/libnftables.h>

#include <memory>

namespace detour::engine {
namespace {

struct FreeContext {
    void operator()(nft_ctx* context) const { nft_ctx_free(context); }
};

std::expected<void, Error> run(const std::string& commands) {
    const std::unique_ptr<nft_ctx, FreeContext> nft(nft_ctx_new(NFT_CTX_DEFAULT));
    if (nft == nullptr)
        return std::unexpected(Error{"cannot use nftables: out of memory"});
    nft_ctx_buffer_output(nft.get());
    nft_ctx_buffer_error(nft.get());
    if (nft_run_cmd_from_buffer(nft.get(), commands.c_str()) == 0)
        return {};
    std::string text = nft_ctx_get_error_buffer(nft.get());
    text.resize(std::min(text.find('\n'), text.size()));
    return std::unexpected(Error{text});
}

// "add" first, so that deleting never fails for a table that is not there.
std::string removal(const std::string& table) {
    return fmt::format("add table netdev {0}\ndelete table netdev {0}\n", table);
}

}  // namespace

std::string guard_ruleset(const std::string& table, std::span<const std::string> interfaces) {
    std::string text = removal(table);
    if (interfaces.empty())
        return text;
    text += fmt::format("table netdev {} {{\n", table);
    for (std::size_t i = 0; i < interfaces.size(); ++i)
        text += fmt::format(
            "\tchain port{} {{\n"
            "\t\ttype filter hook ingress device \"{}\" priority -500; policy drop;\n"
            "\t\tcounter drop\n"
            "\t}}\n",
            i, interfaces[i]);
    return text + "}\n";
}

std::expected<void, Error> set_guard(const std::string& table,
                                     std::span<const std::string> interfaces) {
    auto done = run(guard_ruleset(table, interfaces));
    if (!done && !interfaces.empty())
        return std::unexpected(setup_error(
            fmt::format("cannot keep the kernel from forwarding what af_packet ports receive, with "
                        "an nft ingress chain (kernel option NFT_NETDEV, CAP_NET_ADMIN): {}",
                        done.error().message)));
    return {};
}

void remove_guard(const std::string& table) {
    [[maybe_unused]] const auto removed = run(removal(table));
}

}  // namespace detour::engine
