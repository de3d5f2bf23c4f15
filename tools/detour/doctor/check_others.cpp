// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Who else works on this host's network: programs that manage links and routes, routes and rules
// that come before ours, and the interface by which the operator came in.
#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <regex>
#include <set>
#include <sstream>

#include "tools/detour/doctor/finding.h"
#include "tools/detour/doctor/host.h"
#include "tools/detour/shell.h"
#include "tools/detour/tables.h"

namespace detour::command::doctor {
namespace {

using nlohmann::json;

constexpr const char* networkd_mend =
    "printf '[Network]\\nManageForeignRoutes=no\\nManageForeignRoutingPolicyRules=no\\n' > "
    "/etc/systemd/networkd.conf.d/detour.conf (mkdir -p the folder); systemctl restart "
    "systemd-networkd";

// In this network namespace: one on the host does not touch a container's.
bool runs_here(std::string_view program) {
    std::error_code error;
    const auto ours = std::filesystem::read_symlink("/proc/self/ns/net", error);
    // The kernel keeps 15 letters of a name.
    const std::string name(program.substr(0, 15));
    for (const auto& process : entries("/proc"))
        if (std::isdigit(static_cast<unsigned char>(process.filename().native()[0])) != 0 &&
            contents(process / "comm") == name &&
            std::filesystem::read_symlink(process / "ns/net", error) == ours)
            return true;
    return false;
}

// The last word of the files that a systemd program reads, in its order.
std::string last_setting(const std::vector<std::filesystem::path>& files, const std::string& key) {
    const std::regex form("^\\s*" + key + "\\s*=\\s*(\\S*)\\s*$");
    std::string value;
    for (const auto& file : files) {
        std::istringstream lines(contents(file).value_or(""));
        std::smatch match;
        for (std::string line; std::getline(lines, line);)
            if (std::regex_match(line, match, form))
                value = match[1];
    }
    return value;
}

std::vector<std::filesystem::path> files_in(std::initializer_list<const char*> folders,
                                            std::string_view extension) {
    std::vector<std::filesystem::path> files;
    for (const char* folder : folders)
        for (const auto& file : entries(folder))
            if (file.extension() == extension)
                files.push_back(file);
    return files;
}

bool is_no(const std::string& value) {
    static const std::set<std::string> words{"no", "false", "off", "0", "n", "f"};
    return words.contains(value);
}

bool matches_any(const std::string& patterns, const std::string& name) {
    std::istringstream words(patterns);
    for (std::string pattern; words >> pattern;)
        if (::fnmatch(pattern.c_str(), name.c_str(), 0) == 0)
            return true;
    return false;
}

void check_networkd(const Patient& patient, Findings& findings) {
    if (!runs_here("systemd-networkd"))
        return findings.ok("systemd-networkd", "does not run here");
    auto files = files_in({"/usr/lib/systemd/networkd.conf.d", "/run/systemd/networkd.conf.d",
                           "/etc/systemd/networkd.conf.d"},
                          ".conf");
    files.insert(files.begin(), "/etc/systemd/networkd.conf");
    bool is_well = true;
    for (const auto& [key, what] :
         {std::pair{"ManageForeignRoutes", "routes"}, {"ManageForeignRoutingPolicyRules", "rules"}})
        if (!is_no(last_setting(files, key))) {
            is_well = false;
            findings.error("systemd-networkd",
                           fmt::format("it removes {} that it did not make, ours among them, "
                                       "whenever it starts or a link comes up",
                                       what),
                           networkd_mend);
        }
    for (const auto& file :
         files_in({"/etc/systemd/network", "/run/systemd/network", "/usr/lib/systemd/network"},
                  ".network")) {
        const std::string names = last_setting({file}, "Name");
        if (last_setting({file}, "Unmanaged") == "yes")
            continue;
        for (const std::string& interface : our_interfaces(patient.config))
            if (!names.empty() && matches_any(names, interface)) {
                is_well = false;
                findings.error("systemd-networkd",
                               fmt::format("{} (Name={}) takes {}, which is detour's",
                                           file.native(), names, interface),
                               fmt::format("narrow Name= in {}, or give it [Link] Unmanaged=yes; "
                                           "networkctl reload",
                                           file.native()));
                break;
            }
    }
    if (is_well)
        findings.ok("systemd-networkd", "runs, and leaves our links, routes and rules alone");
}

void check_network_manager(const Patient& patient, Findings& findings) {
    if (!runs_here("NetworkManager"))
        return findings.ok("NetworkManager", "does not run here");
    std::string patterns;
    auto files = files_in({"/usr/lib/NetworkManager/conf.d", "/run/NetworkManager/conf.d",
                           "/etc/NetworkManager/conf.d"},
                          ".conf");
    files.insert(files.begin(), "/etc/NetworkManager/NetworkManager.conf");
    std::string unmanaged = last_setting(files, "unmanaged-devices");
    std::ranges::replace(unmanaged, ';', ' ');
    std::ranges::replace(unmanaged, ',', ' ');
    std::istringstream words(unmanaged);
    for (std::string word; words >> word;)
        patterns += " " + (word.starts_with("interface-name:") ? word.substr(15) : word);
    std::string managed;
    std::string wanted;
    for (const std::string& interface : our_interfaces(patient.config)) {
        wanted += fmt::format("interface-name:{};", interface);
        if (!matches_any(patterns, interface))
            managed += (managed.empty() ? "" : ", ") + interface;
    }
    if (managed.empty())
        return findings.ok("NetworkManager", "runs, and our interfaces are unmanaged");
    findings.error(
        "NetworkManager",
        fmt::format("it manages {}: it may take them down, or run DHCP on them", managed),
        fmt::format("printf '[keyfile]\\nunmanaged-devices={}\\n' > "
                    "/etc/NetworkManager/conf.d/detour.conf; nmcli general reload",
                    wanted));
}

void check_dhcp(Findings& findings) {
    for (const char* program : {"dhcpcd", "connmand", "dhclient"})
        if (runs_here(program))
            findings.warn(
                program,
                fmt::format("{} runs here: it may give our links addresses and routes", program),
                "keep it to the management interface (dhcpcd: allowinterfaces; dhclient: "
                "name the interface)");
}

// Links of the group that rule 200 passes over.
std::set<std::string> uplink_links() {
    std::set<std::string> names;
    for (const json& link : ip({"link", "show"}).value_or(json::array()))
        if (link.value("group", "") == std::to_string(uplink_group))
            names.insert(link.value("ifname", ""));
    return names;
}

std::set<std::string> our_links(const model::Config& config) {
    const auto list = our_interfaces(config);
    return {list.begin(), list.end()};
}

bool overlaps_a_set(const model::Config& config, const std::string& destination) {
    const auto prefix =
        destination.find('/') == std::string::npos ? [&]() -> std::optional<Prefix> {
        const auto host = Address::parse(destination);
        return host ? std::optional(Prefix::host(*host)) : std::nullopt;
    }()
        : [&]() -> std::optional<Prefix> {
              const auto parsed = Prefix::parse(destination);
              return parsed ? std::optional(*parsed) : std::nullopt;
          }();
    if (!prefix)
        return false;
    return std::ranges::any_of(config.prefix_sets, [&](const model::PrefixSet& set) {
        return std::ranges::any_of(set.prefixes,
                                   [&](const Prefix& ours) { return ours.overlaps(*prefix); });
    });
}

// What main says about a destination stands before the set of the source (rule 200), unless it
// leads to an uplink's link or is the default.
void check_routes_of(const Patient& patient, const char* family, Findings& findings,
                     bool& is_well) {
    const auto uplinks = uplink_links();
    const auto ours = our_links(patient.config);
    for (const json& route :
         ip({family, "route", "show", "table", "main"}).value_or(json::array())) {
        const std::string destination = route.value("dst", "");
        const std::string device = route.value("dev", "");
        const std::string protocol = route.value("protocol", "");
        const bool is_ours = protocol == std::to_string(our_protocol) || protocol == "detour";
        if (destination == "default" || is_ours || protocol == "kernel" || device.empty() ||
            uplinks.contains(device))
            continue;
        const bool is_wide = destination.ends_with("/1") || destination.ends_with("/2") ||
                             destination.ends_with("/3");
        const bool is_on_our_lan = ours.contains(device);
        const bool is_in_a_set = overlaps_a_set(patient.config, destination);
        if (is_on_our_lan && !is_wide && !is_in_a_set)
            continue;  // more of the customer's network
        is_well = false;
        const std::string text =
            fmt::format("main has {} dev {} (by {}): it wins over every prefix set's own way",
                        destination, device, protocol);
        const std::string mend = fmt::format(
            "ip {} route del {} dev {}; or keep it in a table of "
            "its own, with a rule behind 500",
            family, destination, device);
        if (is_wide || is_in_a_set)
            findings.error("foreign route", text, mend);
        else
            findings.warn("foreign route", text, mend);
    }
}

void check_rules_of(const char* family, Findings& findings, bool& is_well) {
    for (const json& rule : ip({family, "rule", "show"}).value_or(json::array())) {
        const long priority = rule.value("priority", 0L);
        const std::string protocol = rule.value("protocol", "");
        const bool is_ours = protocol == std::to_string(our_protocol) || protocol == "detour";
        if (priority == 0 || priority > 500 || is_ours)
            continue;
        is_well = false;
        findings.error("foreign rule",
                       fmt::format("rule {} (from {}, table {}) comes before or between ours: "
                                   "packets meet it first",
                                   priority, rule.value("src", "all"), rule.value("table", "-")),
                       fmt::format("ip {} rule del pref {}; or give it a preference above 500",
                                   family, priority));
    }
}

// Interfaces with addresses that are not this box's: how it is managed.
std::vector<std::string> management_interfaces(const model::Config& config) {
    const auto ours = our_links(config);
    std::vector<std::string> names;
    for (const json& link : ip({"addr", "show"}).value_or(json::array())) {
        const std::string name = link.value("ifname", "");
        const auto addresses = link.value("addr_info", json::array());
        const bool has_address = std::ranges::any_of(
            addresses, [](const json& address) { return address.value("scope", "") == "global"; });
        if (name != "lo" && !ours.contains(name) && has_address)
            names.push_back(name);
    }
    return names;
}

// The interface that holds the address by which this session came in.
std::string session_interface() {
    const char* const session = std::getenv("SSH_CONNECTION");
    if (session == nullptr)
        return "";
    std::istringstream words(session);
    std::string word;
    for (int i = 0; i < 3; ++i)
        words >> word;  // client, its port, server
    for (const json& link : ip({"addr", "show", "to", word}).value_or(json::array()))
        return link.value("ifname", "");
    return "";
}

}  // namespace

void check_managers(const Patient& patient, Findings& findings) {
    check_networkd(patient, findings);
    check_network_manager(patient, findings);
    check_dhcp(findings);
}

void check_foreign_routes(const Patient& patient, Findings& findings) {
    bool is_well = true;
    for (const char* family : {"-4", "-6"}) {
        check_routes_of(patient, family, findings, is_well);
        check_rules_of(family, findings, is_well);
    }
    if (is_well)
        findings.ok("foreign routes", "none in main, no rule before ours");
}

void check_management(const Patient& patient, Findings& findings) {
    const std::string session = session_interface();
    for (const model::Port& port : patient.config.ports)
        if (const auto behind = interface_behind(patient.config, port);
            patient.is_dpdk() && behind && !session.empty() && *behind == session)
            findings.error("management",
                           fmt::format("you came in by {}, which is port {}: the data plane takes "
                                       "it, and this session ends",
                                       session, port.name),
                           "come in by another interface or the console, or give the port another "
                           "device");
    const auto names = management_interfaces(patient.config);
    const Ran rules = run({"nft", "list", "ruleset"});
    for (const std::string& name : names) {
        // Read as text: any chain that forwards and drops, or names the interface.
        const bool has_forward_chain = rules.output.find("hook forward") != std::string::npos;
        const bool is_guarded =
            has_forward_chain && (rules.output.find("policy drop") != std::string::npos ||
                                  rules.output.find("oifname \"" + name) != std::string::npos);
        if (is_guarded)
            findings.ok("management", name + ": a forward chain stands before it");
        else
            findings.warn(
                "management",
                fmt::format("{} is no port of this box and has addresses: what customers "
                            "send to its network is forwarded there",
                            name),
                fmt::format("nft 'add table inet management; add chain inet management "
                            "forward {{ type filter hook forward priority 0; }}; add rule "
                            "inet management forward oifname \"{}\" drop'",
                            name));
    }
    if (names.empty())
        findings.ok("management", "no interface besides the box's own has an address");
}

}  // namespace detour::command::doctor
