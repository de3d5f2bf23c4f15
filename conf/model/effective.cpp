// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/effective.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <span>
#include <string_view>
#include <utility>

#include "conf/model/versions.h"
#include "conf/types/wall_time.h"

namespace detour::model {
namespace {

using Path = std::vector<std::string>;

std::string text_of(const std::string& value) {
    return value;
}
std::string text_of(bool value) {
    return value ? "true" : "false";
}
std::string text_of(std::uint32_t value) {
    return std::to_string(value);
}
std::string text_of(AsNumber value) {
    return std::to_string(value.value);
}
std::string text_of(const Address& value) {
    return value.to_string();
}
std::string text_of(const Prefix& value) {
    return value.to_string();
}
std::string text_of(const PrefixRange& value) {
    return value.to_string();
}
std::string text_of(const AsPathPattern& value) {
    return value.to_string();
}
std::string text_of(const InterfaceAddress& value) {
    return value.to_string();
}
std::string text_of(Duration value) {
    return detour::to_string(value);
}
std::string text_of(BitRate value) {
    return detour::to_string(value);
}
std::string text_of(const Community& value) {
    if (const auto* large = std::get_if<LargeCommunity>(&value))
        return fmt::format("{}:{}:{}", large->asn, large->function, large->parameter);
    const auto& standard = std::get<StandardCommunity>(value);
    if (const std::string_view name = name_of(standard); !name.empty())
        return std::string(name);
    return fmt::format("{}:{}", standard.asn, standard.value);
}
std::string text_of(Mode value) {
    return value == Mode::advise ? "advise" : "auto";
}
std::string text_of(DontFragment value) {
    switch (value) {
        case DontFragment::copy:
            return "copy";
        case DontFragment::clear:
            return "clear";
        case DontFragment::set:
            break;
    }
    return "set";
}
std::string text_of(SourceCheck value) {
    switch (value) {
        case SourceCheck::loose:
            return "loose";
        case SourceCheck::strict:
            return "strict";
        case SourceCheck::off:
            break;
    }
    return "off";
}
std::string text_of(DataplaneKind value) {
    return value == DataplaneKind::dpdk ? "dpdk" : "kernel";
}
std::string text_of(PollMode value) {
    return value == PollMode::adaptive ? "adaptive" : "busy";
}
std::string text_of(UplinkKind value) {
    return value == UplinkKind::direct ? "direct" : "gre";
}
std::string text_of(LanDead value) {
    return value == LanDead::announce ? "announce" : "hold";
}
std::string text_of(FailBack value) {
    switch (value) {
        case FailBack::manual:
            return "manual";
        case FailBack::window:
            return "window";
        case FailBack::automatic:
            return "auto";
    }
    return "?";
}
std::string text_of(const DailyWindow& window) {
    const auto clock = [](std::chrono::minutes time) {
        return fmt::format("{:02}:{:02}", time.count() / 60, time.count() % 60);
    };
    return clock(window.from) + "-" + clock(window.to);
}

Path operator+(Path path, std::string_view key) {
    path.emplace_back(key);
    return path;
}

// Collects settings and finds out where each comes from.
class Collector {
 public:
    explicit Collector(const Config& config) : config_(config) {
        for (const Override& override : config.overrides)
            for (const auto& [path, text] : override.values)
                if (override.is_in_force)
                    overridden_.emplace(path, &override);
    }

    template <class T>
    void value(Path path, const T& value) {
        add(std::move(path), {text_of(value)}, Setting::Shape::scalar);
    }
    // What has no default and was not given is shown as such.
    template <class T>
    void value(Path path, const std::optional<T>& given) {
        if (given)
            return value(std::move(path), *given);
        add(std::move(path), {"none"}, Setting::Shape::scalar);
        settings_.back().is_only_shown = true;
    }
    template <class T>
    void values(Path path, const std::vector<T>& given) {
        std::vector<std::string> texts;
        for (const T& each : given)
            texts.push_back(text_of(each));
        const bool is_empty = texts.empty();
        add(std::move(path), std::move(texts), Setting::Shape::list);
        settings_.back().is_only_shown = is_empty;
    }
    void add(Path path, std::vector<std::string> values, Setting::Shape shape) {
        Setting setting{.path = std::move(path), .values = std::move(values), .shape = shape};
        if (const auto written = config_.written.find(setting.name());
            written != config_.written.end()) {
            setting.source = Setting::Source::file;
            setting.position = written->second;
        }
        if (const auto found = overridden_.find(setting.name()); found != overridden_.end()) {
            const Override& override = *found->second;
            setting.source = Setting::Source::override;
            setting.origin = fmt::format("{} of {} until {}", override.name, override.owner,
                                         detour::to_string(override.until));
        }
        settings_.push_back(std::move(setting));
    }
    // The last one, unless the file gives it.
    Setting& otherwise(Setting::Source source, std::string origin) {
        Setting& last = settings_.back();
        if (last.source != Setting::Source::file && last.source != Setting::Source::override) {
            last.source = source;
            last.origin = std::move(origin);
        }
        return last;
    }
    [[nodiscard]] std::vector<Setting> take() { return std::move(settings_); }

 private:
    const Config& config_;
    std::map<std::string, const Override*> overridden_;  // by path
    std::vector<Setting> settings_;
};

void collect_ports(Collector& out, const Config& config) {
    for (const Port& port : config.ports) {
        const Path path{"ports", port.name};
        if (port.parent) {
            out.value(path + "parent", config.port(*port.parent).name);
            out.value(path + "vlan", std::uint32_t{port.vlan});
        } else {
            out.value(path + "device", port.device);
        }
        out.values(path + "addresses", port.addresses);
        out.value(path + "mtu", std::uint32_t{port.mtu});
        if (port.parent)
            out.otherwise(Setting::Source::derived, "the parent's");
        out.value(path + "urpf", port.source_check);
    }
}

std::string mss_text(std::uint16_t mss) {
    return mss == 0xffff ? "auto" : mss == 0 ? "off" : std::to_string(mss);
}

void collect_underlay(Collector& out, const Path& path, const Config& config,
                      const Underlay& underlay) {
    out.value(path + "port", config.port(underlay.port).name);
    out.value(path + "local", underlay.local);
    out.value(path + "remote", underlay.remote);
    out.value(path + "gateway", underlay.gateway);
    out.value(path + "key", underlay.key);
    out.value(path + "ttl", std::uint32_t{underlay.ttl});
    out.value(path + "checksum", underlay.has_checksum);
    out.value(path + "sequence", underlay.has_sequence);
    out.value(path + "reassembly", underlay.has_reassembly);
    out.value(path + "dscp", underlay.dscp ? std::to_string(*underlay.dscp) : std::string("copy"));
    if (underlay.local.family() == Family::ipv4)
        out.value(path + "df", underlay.dont_fragment);
    const std::uint32_t left = config.port(underlay.port).mtu - std::uint32_t{underlay.overhead()};
    out.value(path + "mtu", underlay.mtu ? std::uint32_t{*underlay.mtu} : left);
    out.otherwise(Setting::Source::derived, "what the port leaves").is_only_shown = !underlay.mtu;
    out.value(path + "mss", mss_text(underlay.mss));
    out.value(path + "keepalive", underlay.keepalive);
    out.value(path + "keepalive-retries", std::uint32_t{underlay.keepalive_retries});
    out.otherwise(Setting::Source::standard, "").is_only_shown = !underlay.keepalive;
}

// `: [a, b]` behind the name of a list that is not empty.
template <class T>
std::string listed(std::string_view name, const std::vector<T>& given) {
    std::vector<std::string> texts;
    for (const T& each : given)
        texts.push_back(fmt::format("\"{}\"", text_of(each)));
    return given.empty() ? "" : fmt::format(", {}: [{}]", name, fmt::join(texts, ", "));
}

void collect_import(Collector& out, const Path& path, const UplinkBgp& bgp) {
    if (!bgp.import)
        return out.value(path + "import", std::optional<std::string>{});
    std::vector<std::string> rules;
    for (const ImportRule& rule : *bgp.import)
        rules.push_back(fmt::format(
            "{{action: {}{}{}{}}}", rule.action == ImportRule::Action::accept ? "accept" : "refuse",
            listed("prefixes", rule.prefixes), listed("as-path", rule.as_paths),
            listed("communities", rule.communities)));
    const auto shape = rules.empty() ? Setting::Shape::list : Setting::Shape::lines;
    out.add(path + "import", std::move(rules), shape);
}

void collect_bgp(Collector& out, const Path& path, const UplinkBgp& bgp) {
    out.values(path + "peers", bgp.peers);
    out.value(path + "asn", bgp.asn);
    out.value(path + "password-file",
              bgp.password_file ? std::optional(bgp.password_file->native()) : std::nullopt);
    out.value(path + "ttl-security", bgp.has_ttl_security);
    out.value(path + "hold", bgp.hold);
    out.value(path + "max-prefixes", bgp.max_prefixes);
    out.value(path + "max-prefixes-warning", std::uint32_t{bgp.max_prefixes_warning});
    out.value(path + "max-prefixes-restart",
              bgp.max_prefixes_restart ? text_of(*bgp.max_prefixes_restart) : "never");
    collect_import(out, path, bgp);
    out.value(path + "export" + "prepend", std::uint32_t{bgp.exported.prepend});
    out.value(path + "export" + "med", bgp.exported.med);
    out.values(path + "export" + "communities", bgp.exported.communities);
    out.value(path + "export" + "max-prefixes", bgp.exported.limit);
    out.values(path + "canary-communities", bgp.canary_communities);
}

void collect_uplinks(Collector& out, const Config& config) {
    for (const Uplink& uplink : config.uplinks) {
        const Path path{"uplinks", uplink.name};
        out.value(path + "kind", uplink.kind);
        if (uplink.kind == UplinkKind::direct) {
            out.value(path + "port", config.port(uplink.port).name);
            std::vector<Address> gateways;
            for (const Family family : families)
                if (const auto gateway = config.gateway(uplink.id, family))
                    gateways.push_back(*gateway);
            out.values(path + "gateway", gateways);
            out.otherwise(Setting::Source::derived, "the one BGP peer of the family");
        }
        if (uplink.underlay)
            collect_underlay(out, path + "underlay", config, *uplink.underlay);
        if (uplink.kind == UplinkKind::gre)
            out.values(path + "inner", uplink.inner);
        out.values(path + "control-sources", uplink.control_sources);
        out.values(path + "sentinels", uplink.sentinels);
        out.values(path + "upstreams", uplink.upstreams);
        out.value(path + "limit", uplink.limit);
        if (uplink.bgp)
            collect_bgp(out, path + "bgp", *uplink.bgp);
    }
}

void collect_prefix_sets(Collector& out, const Config& config) {
    for (const PrefixSet& set : config.prefix_sets) {
        const Path path{"prefix-sets", set.name};
        out.values(path + "prefixes", set.prefixes);
        out.values(path + "beacons", set.beacons);
        out.values(path + "next-hops", set.next_hops);
        out.values(path + "other-origins", set.other_origins);
    }
}

struct TimingKey {
    std::string_view section;
    std::string_view key;
    Duration Timing::*member;
    bool is_only_shown = false;
};

constexpr std::array<TimingKey, 17> timing_keys{
    {{"detect", "idle-interval", &Timing::idle_interval, true},
     {"detect", "suspect-interval", &Timing::suspect_interval, true},
     {"detect", "timeout-floor", &Timing::timeout_floor, true},
     {"detect", "timeout-cap", &Timing::timeout_cap, true},
     {"detect", "scheduling-gap", &Timing::scheduling_gap, true},
     {"detect", "forgiven-gap", &Timing::forgiven_gap},
     {"detect", "start-up-grace", &Timing::start_up_grace},
     {"detect", "link-up-grace", &Timing::link_up_grace},
     {"detect", "armed-age", &Timing::armed_age},
     {"policy", "withdraw-gate", &Timing::withdraw_gate},
     {"policy", "first-life", &Timing::first_life},
     {"policy", "complete", &Timing::complete},
     {"policy", "overlap", &Timing::overlap},
     {"policy", "stair-step", &Timing::stair_step},
     {"policy", "stable-time", &Timing::stable_time},
     {"policy", "canary", &Timing::canary},
     {"policy", "canary-interval", &Timing::canary_interval}}};

void collect_timing(Collector& out, const Config& config, std::string_view section) {
    for (const TimingKey& key : timing_keys) {
        if (key.section != section)
            continue;
        out.value(Path{std::string(section)} + key.key, config.timing.*key.member);
        Setting& setting =
            out.otherwise(Setting::Source::profile, std::string(to_string(config.detect.profile)));
        setting.is_only_shown = key.is_only_shown;
    }
}

void collect_detect(Collector& out, const Config& config) {
    out.value({"detect", "profile"}, std::string(to_string(config.detect.profile)));
    std::vector<std::string> targets;
    for (const Target& target : config.detect.targets)
        targets.push_back(fmt::format("{{asn: {}, addresses: [\"{}\"], own: {}, second-kind: {}}}",
                                      target.asn.value, target.address.to_string(), target.is_own,
                                      target.second ? target.second->to_string() : "none"));
    out.add({"detect", "targets"}, std::move(targets), Setting::Shape::lines);
    out.otherwise(Setting::Source::standard, "").is_only_shown = config.detect.targets.empty();
    out.value({"detect", "probe-limit"}, config.detect.probe_limit);
    collect_timing(out, config, "detect");
}

void collect_policy(Collector& out, const Config& config) {
    out.value({"policy", "fail-back"}, config.policy.fail_back);
    out.value({"policy", "fail-back-window"}, config.policy.fail_back_window);
    out.value({"policy", "lan-dead"}, config.policy.lan_dead);
    collect_timing(out, config, "policy");
}

void collect_overrides(Collector& out, const Config& config) {
    for (const Override& override : config.overrides) {
        const Path path{"overrides", override.name};
        out.value(path + "until", detour::to_string(override.until));
        out.value(path + "owner", override.owner);
        out.value(path + "reason", override.reason);
        for (const auto& [key, text] : override.values)
            out.value(path + "set" + key, text);
    }
}

// Plain where YAML and our reader cannot take it for anything else.
std::string as_scalar(std::string_view text) {
    constexpr std::string_view plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
    const bool is_plain = !text.empty() && text.find_first_not_of(plain) == text.npos &&
                          text != "null" && text != "Null" && text != "NULL" && text.front() != '-';
    if (is_plain)
        return std::string(text);
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            result += '\\';
        result += c;
    }
    return result + '"';
}

std::string yaml_value(const Setting& setting) {
    if (setting.shape == Setting::Shape::scalar)
        return as_scalar(setting.values.front());
    std::vector<std::string> items;
    for (const std::string& value : setting.values)
        items.push_back(as_scalar(value));
    return fmt::format("[{}]", fmt::join(items, ", "));
}

void append_setting(std::string& yaml, const Setting& setting) {
    const std::string indent(2 * (setting.path.size() - 1), ' ');
    const std::string source =
        setting.source == Setting::Source::file ? "" : "  # " + source_text(setting);
    const std::string& key = setting.path.back();
    if (setting.is_only_shown)
        yaml += fmt::format("{}# {}: {}{}\n", indent, key, setting.text(),
                            source.empty() ? "" : fmt::format(" ({})", source_text(setting)));
    else if (setting.shape == Setting::Shape::lines)
        yaml += fmt::format("{0}{1}:{2}\n{0}  - {3}\n", indent, key, source,
                            fmt::join(setting.values, "\n" + indent + "  - "));
    else
        yaml += fmt::format("{}{}: {}{}\n", indent, key, yaml_value(setting), source);
}

}  // namespace

std::string Setting::name() const {
    return fmt::format("{}", fmt::join(path, "."));
}

std::string Setting::text() const {
    if (shape == Shape::scalar)
        return values.front();
    return values.empty() ? "none" : fmt::format("[{}]", fmt::join(values, ", "));
}

std::vector<Setting> effective(const Config& config) {
    Collector out(config);
    out.value({"version"}, std::uint32_t{versions().current});
    out.value({"router", "name"}, config.router.name);
    out.value({"router", "asn"}, config.router.asn);
    out.value({"router", "id"}, config.router.id);
    out.value({"router", "mode"}, config.router.mode);
    out.value({"dataplane", "kind"}, config.dataplane.kind);
    out.values({"dataplane", "cores"}, std::vector<std::uint32_t>(config.dataplane.cores.begin(),
                                                                  config.dataplane.cores.end()));
    out.value({"dataplane", "poll"}, config.dataplane.poll);
    out.value({"dataplane", "reassembly-entries"}, config.dataplane.reassembly.entries);
    out.value({"dataplane", "reassembly-bytes"}, config.dataplane.reassembly.bytes);
    collect_ports(out, config);
    collect_uplinks(out, config);
    collect_prefix_sets(out, config);
    collect_detect(out, config);
    collect_policy(out, config);
    collect_overrides(out, config);
    return out.take();
}

std::string source_text(const Setting& setting) {
    switch (setting.source) {
        case Setting::Source::file:
            return fmt::format("line {}", setting.position.line);
        case Setting::Source::override:
            return fmt::format("override {}, line {}", setting.origin, setting.position.line);
        case Setting::Source::profile:
            return "profile " + setting.origin;
        case Setting::Source::standard:
            return "default";
        case Setting::Source::derived:
            return "from " + setting.origin;
    }
    return "?";
}

std::string to_yaml(const std::vector<Setting>& settings) {
    std::string yaml;
    std::vector<std::string> open;  // the sections around the last setting
    for (const Setting& setting : settings) {
        const std::span<const std::string> sections(setting.path.data(), setting.path.size() - 1);
        const auto same = std::ranges::mismatch(open, sections);
        auto depth = static_cast<std::size_t>(same.in1 - open.begin());
        open.resize(depth);
        for (; depth < sections.size(); ++depth) {
            yaml += fmt::format("{}{}:\n", std::string(2 * depth, ' '), as_scalar(sections[depth]));
            open.push_back(sections[depth]);
        }
        append_setting(yaml, setting);
    }
    return yaml;
}

}  // namespace detour::model
