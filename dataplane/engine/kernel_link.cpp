// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/kernel_link.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#include <array>
#include <memory>
#include <string_view>

namespace detour::engine {
namespace {

template <std::size_t count>
using Attributes = std::array<const nlattr*, count>;

template <std::size_t count>
int collect(const nlattr* attribute, void* out) {
    const std::uint16_t type = mnl_attr_get_type(attribute);
    if (type < count)
        (*static_cast<Attributes<count>*>(out))[type] = attribute;
    return MNL_CB_OK;
}

template <std::size_t count>
Attributes<count> nested(const nlattr* parent) {
    Attributes<count> attributes{};
    mnl_attr_parse_nested(parent, collect<count>, &attributes);
    return attributes;
}

void read_tun(const nlattr* tun, KernelLink& link) {
    const auto attributes = nested<IFLA_TUN_MAX + 1>(tun);
    if (const nlattr* type = attributes[IFLA_TUN_TYPE])
        link.kind = mnl_attr_get_u8(type) == IFF_TAP ? TwinKind::tap : TwinKind::tun;
    if (const nlattr* queues = attributes[IFLA_TUN_NUM_QUEUES])
        link.active_queues = mnl_attr_get_u32(queues);
}

int read_link(const nlmsghdr* message, void* out) {
    auto& result = *static_cast<std::optional<KernelLink>*>(out);
    if (message->nlmsg_type != RTM_NEWLINK)
        return MNL_CB_OK;
    const auto* const header = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
    constexpr unsigned up_with_carrier = IFF_UP | IFF_LOWER_UP;
    KernelLink link{.index = InterfaceIndex(static_cast<std::uint32_t>(header->ifi_index)),
                    .is_up = (header->ifi_flags & up_with_carrier) == up_with_carrier};
    Attributes<IFLA_GROUP + 1> attributes{};
    mnl_attr_parse(message, sizeof(ifinfomsg), collect<attributes.size()>, &attributes);
    if (const nlattr* const group = attributes[IFLA_GROUP])
        link.group = mnl_attr_get_u32(group);
    if (const nlattr* const described = attributes[IFLA_LINKINFO]) {
        const auto of_link = nested<IFLA_INFO_MAX + 1>(described);
        const nlattr* const kind = of_link[IFLA_INFO_KIND];
        if (kind != nullptr && std::string_view(mnl_attr_get_str(kind)) == "tun" &&
            of_link[IFLA_INFO_DATA] != nullptr)
            read_tun(of_link[IFLA_INFO_DATA], link);
    }
    result = link;
    return MNL_CB_OK;
}

struct CloseSocket {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};
using Socket = std::unique_ptr<mnl_socket, CloseSocket>;

std::expected<Socket, Error> open_socket(unsigned groups, int flags) {
    Socket socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags));
    if (socket == nullptr || mnl_socket_bind(socket.get(), groups, MNL_SOCKET_AUTOPID) != 0)
        return std::unexpected(system_error("cannot open a netlink socket"));
    return socket;
}

}  // namespace

std::expected<std::optional<KernelLink>, Error> find_link(const std::string& name) {
    const auto opened = open_socket(0, 0);
    if (!opened)
        return std::unexpected(opened.error());
    mnl_socket* const socket = opened->get();
    alignas(nlmsghdr) std::array<char, 32768> buffer{};
    nlmsghdr* const request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETLINK;
    request->nlmsg_flags = NLM_F_REQUEST;
    request->nlmsg_seq = 1;
    mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg));
    mnl_attr_put_strz(request, IFLA_IFNAME, name.c_str());
    if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
        return std::unexpected(system_error("cannot ask for interface " + name));
    const ssize_t size = mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
    if (size < 0)
        return std::unexpected(system_error("cannot ask for interface " + name));
    std::optional<KernelLink> link;
    if (mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), 1, mnl_socket_get_portid(socket),
                   read_link, &link) < 0) {
        if (errno == ENODEV)
            return std::nullopt;
        return std::unexpected(system_error("cannot ask for interface " + name));
    }
    return link;
}

void tell_link(const std::string& name) {
    // Since Linux 6.8 to be asked is enough.
    const auto link = find_link(name);
    const auto socket = open_socket(0, 0);
    if (!link || !*link || !socket)
        return;
    // Before, a link that is set to what it is already is told of, with the carrier that it has
    // now.
    alignas(nlmsghdr) std::array<char, 256> buffer{};
    nlmsghdr* const request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_SETLINK;
    request->nlmsg_flags = NLM_F_REQUEST;
    auto* const header =
        static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg)));
    header->ifi_index = static_cast<int>((*link)->index.value);
    mnl_attr_put_u32(request, IFLA_GROUP, (*link)->group);
    mnl_socket_sendto(socket->get(), request, request->nlmsg_len);
}

void LinkWatch::Close::operator()(mnl_socket* socket) const {
    mnl_socket_close(socket);
}

std::expected<LinkWatch, Error> LinkWatch::open() {
    auto socket = open_socket(RTMGRP_LINK, SOCK_NONBLOCK);
    if (!socket)
        return std::unexpected(socket.error());
    LinkWatch watch;
    watch.socket_.reset(socket->release());
    return watch;
}

int LinkWatch::descriptor() const {
    return mnl_socket_get_fd(socket_.get());
}

void LinkWatch::clear() {
    std::array<char, 32768> buffer;
    // An overrun is an error once, and readable no more after it.
    while (mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size()) > 0 ||
           errno == ENOBUFS || errno == EINTR) {
    }
}

}  // namespace detour::engine
