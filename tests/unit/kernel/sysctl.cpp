// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/sysctl.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace detour::kernel {
namespace {

// A /proc/sys of ordinary files.
struct Tree {
    std::filesystem::path root;

    Tree() {
        std::string name =
            (std::filesystem::temp_directory_path() / "detour-sysctl-XXXXXX").string();
        root = mkdtemp(name.data());
    }
    ~Tree() { std::filesystem::remove_all(root); }
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;

    void put(const std::filesystem::path& path, const char* value) const {
        std::filesystem::create_directories((root / path).parent_path());
        std::ofstream(root / path) << value << '\n';
    }
    [[nodiscard]] std::string get(const std::filesystem::path& path) const {
        std::ifstream file(root / path);
        std::string value;
        std::getline(file, value);
        return value;
    }
};

}  // namespace

TEST_CASE("a setting that differs is written, one that is right is left alone") {
    const Tree tree;
    tree.put("net/ipv4/ip_forward", "0");
    tree.put("net/ipv4/nexthop_compat_mode", "0");
    const auto untouched = std::filesystem::file_time_type::min() + std::chrono::hours(1'000'000);
    std::filesystem::last_write_time(tree.root / "net/ipv4/nexthop_compat_mode", untouched);
    CHECK(apply_sysctls({{"net/ipv4/ip_forward", "1"}, {"net/ipv4/nexthop_compat_mode", "0"}},
                        tree.root)
              .empty());
    CHECK(tree.get("net/ipv4/ip_forward") == "1");
    CHECK(std::filesystem::last_write_time(tree.root / "net/ipv4/nexthop_compat_mode") ==
          untouched);
}

TEST_CASE("a setting that cannot be made is named with the line that makes it") {
    const Tree tree;
    tree.put("net/ipv4/conf/wan0.7/rp_filter", "1");
    std::filesystem::create_directories(tree.root / "net/ipv4/ip_forward");  // cannot be written
    const auto faults = apply_sysctls(
        {{"net/ipv4/ip_forward", "1"}, {"net/ipv4/conf/wan0.7/rp_filter", "0"}}, tree.root);
    REQUIRE(faults.size() == 1);
    CHECK(faults[0].to_string() ==
          "net/ipv4/ip_forward is not there and should be 1 (Is a directory): sysctl -w "
          "net/ipv4/ip_forward=1");
}

TEST_CASE("the settings are those of the design") {
    const auto has = [](const std::vector<Sysctl>& settings, const char* path, const char* value) {
        return std::ranges::count(settings, Sysctl{path, value}) == 1;
    };
    const auto general = general_sysctls();
    CHECK(has(general, "net/ipv4/ip_forward", "1"));
    CHECK(has(general, "net/ipv6/conf/all/forwarding", "1"));
    CHECK(has(general, "net/ipv4/nexthop_compat_mode", "0"));
    CHECK(has(general, "net/ipv4/conf/all/rp_filter", "0"));
    CHECK(has(general, "net/ipv4/conf/all/arp_announce", "2"));
    CHECK(has(general, "net/ipv4/conf/all/arp_ignore", "1"));
    CHECK(has(general, "net/ipv4/conf/all/send_redirects", "0"));
    const auto own = device_sysctls("wan0");
    CHECK(has(own, "net/ipv4/conf/wan0/rp_filter", "0"));
    CHECK(has(own, "net/ipv4/conf/wan0/send_redirects", "0"));
    CHECK(has(own, "net/ipv6/conf/wan0/keep_addr_on_down", "1"));
    CHECK(has(own, "net/ipv6/conf/wan0/accept_ra", "0"));
}

}  // namespace detour::kernel
