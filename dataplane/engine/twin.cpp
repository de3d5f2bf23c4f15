// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/twin.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

namespace detour::engine {
namespace {

ifreq request_for(const std::string& name) {
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    return request;
}

short tun_flags(TwinKind kind) {
    return static_cast<short>((kind == TwinKind::tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI |
                              IFF_MULTI_QUEUE);
}

std::expected<Descriptor, Error> open_queue(const std::string& name, TwinKind kind) {
    Descriptor queue(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!queue.is_open())
        return std::unexpected(system_error(
            "cannot open /dev/net/tun (in a container pass the device in, --device /dev/net/tun)"));
    ifreq request = request_for(name);
    request.ifr_flags = tun_flags(kind);
    if (ioctl(queue.get(), TUNSETIFF, &request) == 0)
        return queue;
    if (errno == EINVAL)
        return std::unexpected(setup_error(fmt::format(
            "interface {} exists and is not a multi_queue {}: remove it (ip link del {}), or make "
            "it so (ip tuntap add {} mode {} multi_queue)",
            name, kind == TwinKind::tap ? "TAP" : "TUN", name, name,
            kind == TwinKind::tap ? "tap" : "tun")));
    if (errno == EPERM)
        return std::unexpected(setup_error(fmt::format(
            "no permission to make interface {}: detour-dataplane needs CAP_NET_ADMIN", name)));
    return std::unexpected(system_error("cannot open interface " + name));
}

// For ioctls about interfaces; any socket of the namespace will do.
std::expected<Descriptor, Error> control_socket() {
    Descriptor control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!control.is_open())
        return std::unexpected(system_error("cannot open a socket"));
    return control;
}

std::expected<void, Error> set_mac(int control, const TwinRequest& twin) {
    if (!twin.mac || std::ranges::all_of(*twin.mac, [](auto octet) { return octet == 0; }))
        return {};  // a device without an address of its own: the twin's is the port's
    ifreq request = request_for(twin.name);
    if (ioctl(control, SIOCGIFHWADDR, &request) != 0)
        return std::unexpected(system_error("cannot read the MAC of " + twin.name));
    auto* const octets = reinterpret_cast<std::uint8_t*>(request.ifr_hwaddr.sa_data);
    if (std::equal(twin.mac->begin(), twin.mac->end(), octets))
        return {};
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    std::ranges::copy(*twin.mac, octets);
    if (ioctl(control, SIOCSIFHWADDR, &request) != 0)
        return std::unexpected(system_error("cannot set the MAC of " + twin.name));
    return {};
}

std::expected<void, Error> change_mtu(int control, const std::string& name, std::uint16_t mtu) {
    ifreq request = request_for(name);
    if (ioctl(control, SIOCGIFMTU, &request) == 0 && request.ifr_mtu == mtu)
        return {};
    request.ifr_mtu = mtu;
    if (ioctl(control, SIOCSIFMTU, &request) != 0)
        return std::unexpected(
            system_error(fmt::format("cannot set the MTU of {} to {}", name, mtu)));
    return {};
}

std::expected<void, Error> set_up(int control, const std::string& name) {
    ifreq request = request_for(name);
    if (ioctl(control, SIOCGIFFLAGS, &request) != 0)
        return std::unexpected(system_error("cannot read the state of " + name));
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    if (ioctl(control, SIOCSIFFLAGS, &request) != 0)
        return std::unexpected(system_error("cannot set up " + name));
    return {};
}

// One more queue, detached so that no packet goes there, for the keeper to hold.
std::expected<void, Error> give_to_keeper(const std::string& name, TwinKind kind, Keeper& keeper) {
    auto queue = open_queue(name, kind);
    if (!queue)
        return std::unexpected(queue.error());
    ifreq request = request_for(name);
    request.ifr_flags = IFF_DETACH_QUEUE;
    if (ioctl(queue->get(), TUNSETQUEUE, &request) != 0)
        return std::unexpected(system_error("cannot detach a queue of " + name));
    return keeper.store(name, queue->get());
}

std::expected<void, Error> secure(const std::string& name, TwinKind kind, int queue, bool is_new,
                                  Keeper& keeper, UndoFile& undo) {
    if (keeper.is_there())
        return keeper.keeps(name) ? std::expected<void, Error>{}
                                  : give_to_keeper(name, kind, keeper);
    if (!is_new)
        return {};
    if (auto remembered = undo.remember({name, "twin", "made"}); !remembered)
        return remembered;
    if (ioctl(queue, TUNSETPERSIST, 1) != 0)
        return std::unexpected(system_error("cannot make " + name + " persistent"));
    return {};
}

std::expected<void, Error> check_link(const TwinRequest& twin,
                                      const std::optional<KernelLink>& link) {
    if (!link)
        return {};
    if (link->kind != twin.kind)
        return std::unexpected(setup_error(fmt::format(
            "there is an interface {} that is not the {} of this box: rename one of the two",
            twin.name, twin.kind == TwinKind::tap ? "TAP" : "TUN")));
    if (link->active_queues != 0)
        return std::unexpected(setup_error(fmt::format(
            "interface {} is open in another process (another detour-dataplane in this network "
            "namespace?): a second one would steal its packets",
            twin.name)));
    return {};
}

}  // namespace

std::expected<Twin, Error> Twin::open(const TwinRequest& request, Keeper& keeper, UndoFile& undo) {
    const auto link = find_link(request.name);
    if (!link)
        return std::unexpected(link.error());
    if (auto checked = check_link(request, *link); !checked)
        return std::unexpected(checked.error());
    const bool is_new = !link->has_value();
    Twin twin;
    twin.name_ = request.name;
    twin.kind_ = request.kind;
    twin.is_resumed_ = !is_new;
    auto queue = open_queue(request.name, request.kind);
    if (!queue)
        return std::unexpected(queue.error());
    twin.queue_ = std::move(*queue);
    const auto control = control_socket();
    if (!control)
        return std::unexpected(control.error());
    if (auto set = set_mac(control->get(), request); !set)
        return std::unexpected(set.error());
    if (is_new || request.kind == TwinKind::tap) {
        // A TUN that was there keeps its MTU: the path's, once learned, is published there.
        if (auto set = change_mtu(control->get(), request.name, request.mtu); !set)
            return std::unexpected(set.error());
    }
    if (auto secured = secure(twin.name_, twin.kind_, twin.queue_.get(), is_new, keeper, undo);
        !secured)
        return std::unexpected(secured.error());
    if (is_new) {
        if (request.kind == TwinKind::tap)
            twin.set_carrier(Carrier::off);
        if (auto set = set_up(control->get(), twin.name_); !set)
            return std::unexpected(set.error());
    }
    twin.index_ = InterfaceIndex(if_nametoindex(twin.name_.c_str()));
    return twin;
}

void Twin::set_carrier(Carrier carrier) {
    int is_on = carrier == Carrier::on ? 1 : 0;
    ioctl(queue_.get(), TUNSETCARRIER, &is_on);
    tell_link(name_);
}

std::optional<std::uint16_t> Twin::mtu() const {
    const auto control = control_socket();
    ifreq request = request_for(name_);
    if (!control || ioctl(control->get(), SIOCGIFMTU, &request) != 0)
        return std::nullopt;
    return static_cast<std::uint16_t>(request.ifr_mtu);
}

std::expected<void, Error> Twin::set_mtu(std::uint16_t mtu) {
    const auto control = control_socket();
    if (!control)
        return std::unexpected(control.error());
    return change_mtu(control->get(), name_, mtu);
}

void Twin::remove(const std::string& name) {
    const auto link = find_link(name);
    if (!link || !*link || !(*link)->kind)
        return;
    if (auto queue = open_queue(name, *(*link)->kind))
        ioctl(queue->get(), TUNSETPERSIST, 0);
}

}  // namespace detour::engine
