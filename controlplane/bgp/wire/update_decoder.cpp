// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <fmt/format.h>

#include <algorithm>

#include "controlplane/bgp/wire/message.h"
#include "controlplane/bgp/wire/update.h"

namespace detour::bgp {

namespace {

// One attribute as it lies there.
struct RawAttribute {
    std::uint8_t flags = 0;
    std::uint8_t type = 0;
    std::span<const std::uint8_t> value;
    std::span<const std::uint8_t> whole;
};

class Decoder {
 public:
    Decoder(const Negotiated& negotiated, PeerScope scope)
        : negotiated_(negotiated),
          scope_(scope),
          width_(negotiated.has_four_octet_as ? AsWidth::four : AsWidth::two) {}

    std::expected<Update, Notification> decode(std::span<const std::uint8_t> body);

 private:
    void read_attributes(std::span<const std::uint8_t> bytes);
    void read_attribute(const RawAttribute& raw);
    void read_known(const AttributeRule& rule, const RawAttribute& raw);
    void read_unknown(const RawAttribute& raw);
    void drop_unnegotiated_families();
    void require_well_known(bool has_ipv4_prefixes);
    void fault(std::uint8_t type, ErrorAction action, std::string text);
    void reset(UpdateError error, const RawAttribute& raw);
    [[nodiscard]] bool has(AttributeType type) const {
        return attributes_.seen.test(static_cast<std::size_t>(type));
    }
    Update conclude(std::vector<Prefix> withdrawn, std::vector<Prefix> announced);

    const Negotiated& negotiated_;
    PeerScope scope_;
    AsWidth width_;
    ReadAttributes attributes_;
    std::vector<AttributeFault> faults_;
    std::optional<Notification> reset_;
};

// "NAME" or "attribute 99".
std::string name_of(std::uint8_t type) {
    const AttributeRule* rule = rule_of(type);
    return rule ? std::string(rule->name) : fmt::format("attribute {}", unsigned{type});
}

std::expected<Update, Notification> Decoder::decode(std::span<const std::uint8_t> body) {
    ByteReader reader(body);
    ByteReader withdrawn_field = reader.sub(reader.u16());
    const std::span<const std::uint8_t> attribute_field = reader.bytes(reader.u16());
    // RFC 4271 6.3: "If the Withdrawn Routes Length or Total Attribute Length is too large (i.e.,
    // if Withdrawn Routes Length + Total Attribute Length + 23 exceeds the message Length), then
    // the Error Subcode MUST be set to Malformed Attribute List."
    if (!reader.ok())
        return std::unexpected(Notification(UpdateError::malformed_attribute_list));
    const bool is_empty = withdrawn_field.at_end() && attribute_field.empty() && reader.at_end();

    // RFC 7606 5.3: prefixes that cannot be read leave nothing to treat as withdrawn.
    auto withdrawn = read_prefixes(withdrawn_field, Family::ipv4);
    auto announced = read_prefixes(ByteReader(reader.bytes(reader.remaining())), Family::ipv4);
    if (!withdrawn || !announced)
        return std::unexpected(Notification(UpdateError::invalid_network));

    read_attributes(attribute_field);
    if (reset_)
        return std::unexpected(std::move(*reset_));

    // RFC 4724 2: an UPDATE with nothing at all, or with an MP_UNREACH_NLRI without prefixes alone.
    std::optional<Family> end_of_rib;
    if (is_empty)
        end_of_rib = Family::ipv4;
    else if (attributes_.seen.count() == 1 && attributes_.unreach &&
             attributes_.unreach->prefixes.empty() && withdrawn->empty() && announced->empty())
        end_of_rib = attributes_.unreach->family;

    drop_unnegotiated_families();
    if (!negotiated_.carries(Family::ipv4)) {
        withdrawn->clear();
        announced->clear();
    }
    require_well_known(!announced->empty());
    Update update = conclude(std::move(*withdrawn), std::move(*announced));
    if (end_of_rib && negotiated_.carries(*end_of_rib))
        update.end_of_rib = end_of_rib;
    return update;
}

void Decoder::read_attributes(std::span<const std::uint8_t> bytes) {
    ByteReader reader(bytes);
    while (!reader.at_end() && !reset_) {
        RawAttribute raw;
        const std::size_t start = reader.position();
        raw.flags = reader.u8();
        raw.type = reader.u8();
        const std::size_t size =
            (raw.flags & flag_extended_length) != 0 ? reader.u16() : reader.u8();
        raw.value = reader.bytes(size);
        // RFC 7606 4: when a header or a value runs over the end of the list, "treat-as-withdraw"
        // of what can be read; the prefixes lie beyond the list, whose own length was right.
        if (!reader.ok())
            return fault(0, ErrorAction::treat_as_withdraw,
                         "an attribute runs over the end of the list");
        raw.whole = bytes.subspan(start, reader.position() - start);
        read_attribute(raw);
    }
}

void Decoder::read_attribute(const RawAttribute& raw) {
    // RFC 7606 3 g: a second MP_REACH or MP_UNREACH: reset, Malformed Attribute List; any other
    // attribute: "all the occurrences of the attribute other than the first one SHALL be
    // discarded".
    if (attributes_.seen.test(raw.type)) {
        if (raw.type == static_cast<std::uint8_t>(AttributeType::mp_reach_nlri) ||
            raw.type == static_cast<std::uint8_t>(AttributeType::mp_unreach_nlri)) {
            reset_ = Notification(UpdateError::malformed_attribute_list);
            return;
        }
        return fault(raw.type, ErrorAction::discard, "more than once");
    }
    attributes_.seen.set(raw.type);
    if (const AttributeRule* rule = rule_of(raw.type))
        read_known(*rule, raw);
    else
        read_unknown(raw);
}

void Decoder::read_known(const AttributeRule& rule, const RawAttribute& raw) {
    // RFC 7606 7.5, 7.9, 7.10: from an external neighbour "it SHALL be discarded using the approach
    // of attribute discard".
    if (rule.is_internal_only && scope_ == PeerScope::external)
        return fault(raw.type, ErrorAction::discard, "from an external peer");
    // RFC 7606 3 c: wrong Optional or Transitive bits: treat-as-withdraw. The value is read all the
    // same: it may hold the prefixes.
    if (((raw.flags ^ rule.flags) & (flag_optional | flag_transitive)) != 0)
        fault(raw.type, ErrorAction::treat_as_withdraw,
              fmt::format("flags 0x{:02x}", unsigned{raw.flags}));
    const ReadContext context{width_, negotiated_.has_extended_next_hop};
    if (rule.read(ByteReader(raw.value), context, attributes_))
        return;
    if (rule.on_malformed == ErrorAction::reset)
        return reset(UpdateError::optional_attribute, raw);
    fault(raw.type, rule.on_malformed, "malformed");
}

void Decoder::read_unknown(const RawAttribute& raw) {
    // RFC 4271 6.3: "If any of the well-known mandatory attributes are not recognized": 3/2 with
    // the attribute as data; RFC 7606 leaves it so.
    if ((raw.flags & flag_optional) == 0)
        return reset(UpdateError::unrecognized_well_known, raw);
    // RFC 4271 5: unrecognized non-transitive optional attributes "MUST be quietly ignored", others
    // are passed on with the Partial bit.
    if ((raw.flags & flag_transitive) == 0)
        return;
    attributes_.values.unknown.push_back(
        {static_cast<std::uint8_t>((raw.flags & ~flag_extended_length) | flag_partial), raw.type,
         Bytes(raw.value.begin(), raw.value.end())});
}

void Decoder::drop_unnegotiated_families() {
    // RFC 4760 7 would let us end the session over a family nobody agreed on; ignoring it costs
    // less.
    if (attributes_.reach && !negotiated_.carries(attributes_.reach->family)) {
        fault(static_cast<std::uint8_t>(AttributeType::mp_reach_nlri), ErrorAction::discard,
              "of a family that was not negotiated");
        attributes_.reach.reset();
    }
    if (attributes_.unreach && !negotiated_.carries(attributes_.unreach->family))
        attributes_.unreach.reset();
}

void Decoder::require_well_known(bool has_ipv4_prefixes) {
    if (!has_ipv4_prefixes && (!attributes_.reach || attributes_.reach->prefixes.empty()))
        return;
    // RFC 7606 3 d: "If any of the well-known mandatory attributes are not present in an UPDATE
    // message, then treat-as-withdraw".
    const auto require = [this](AttributeType type) {
        if (!has(type))
            fault(static_cast<std::uint8_t>(type), ErrorAction::treat_as_withdraw, "missing");
    };
    require(AttributeType::origin);
    require(AttributeType::as_path);
    if (has_ipv4_prefixes)
        require(AttributeType::next_hop);
    if (scope_ == PeerScope::internal)
        require(AttributeType::local_pref);
}

Update Decoder::conclude(std::vector<Prefix> withdrawn, std::vector<Prefix> announced) {
    Update update;
    update.faults = std::move(faults_);
    if (width_ == AsWidth::two)
        reconstruct_four_octet_path(attributes_);
    update.withdrawn[static_cast<std::size_t>(Family::ipv4)] = std::move(withdrawn);
    const auto append = [&](Family family, std::vector<Prefix>& prefixes) {
        auto& list = update.withdrawn[static_cast<std::size_t>(family)];
        list.insert(list.end(), prefixes.begin(), prefixes.end());
    };
    if (attributes_.unreach)
        append(attributes_.unreach->family, attributes_.unreach->prefixes);

    if (update.is_treated_as_withdraw()) {
        append(Family::ipv4, announced);
        if (attributes_.reach)
            append(attributes_.reach->family, attributes_.reach->prefixes);
        return update;
    }
    if (!announced.empty())
        update.reachable.push_back({Family::ipv4,
                                    std::make_shared<const PathAttributes>(attributes_.values),
                                    std::move(announced)});
    if (attributes_.reach && !attributes_.reach->prefixes.empty()) {
        attributes_.values.next_hop = attributes_.reach->next_hop;
        attributes_.values.link_local_next_hop = attributes_.reach->link_local_next_hop;
        update.reachable.push_back({attributes_.reach->family,
                                    std::make_shared<const PathAttributes>(attributes_.values),
                                    std::move(attributes_.reach->prefixes)});
    }
    return update;
}

void Decoder::fault(std::uint8_t type, ErrorAction action, std::string text) {
    faults_.push_back(
        {type, action, type == 0 ? std::move(text) : fmt::format("{} {}", name_of(type), text)});
}

void Decoder::reset(UpdateError error, const RawAttribute& raw) {
    // RFC 4271 6.3: "the Data field MUST contain the erroneous attribute (type, length, and
    // value)."
    reset_ = Notification(error, Bytes(raw.whole.begin(), raw.whole.end()));
}

}  // namespace

bool Update::is_treated_as_withdraw() const {
    // RFC 7606 3 h: of several errors the strongest action counts; a reset never gets here.
    return std::ranges::any_of(faults, [](const AttributeFault& fault) {
        return fault.action == ErrorAction::treat_as_withdraw;
    });
}

std::expected<Update, Notification> decode_update(std::span<const std::uint8_t> body,
                                                  const Negotiated& negotiated, PeerScope scope) {
    return Decoder(negotiated, scope).decode(body);
}

}  // namespace detour::bgp
