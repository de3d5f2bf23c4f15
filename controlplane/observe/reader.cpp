// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/reader.h"

#include <algorithm>
#include <deque>
#include <set>

#include "controlplane/observe/schema.h"

namespace detour::observe {
namespace {

constexpr const char* columns =
    "SELECT number, wall, at, direction, weight, kind, uplink, prefix_set, family, peer, payload "
    "FROM record";

nlohmann::json parsed(const std::string& text) {
    auto json = nlohmann::json::parse(text, nullptr, false);
    return json.is_discarded() ? nlohmann::json::object() : json;
}

Record record_of(const Statement& row) {
    Record record;
    record.number = static_cast<RecordNumber>(row.integer(0));
    record.wall = WallTime(Duration(row.integer(1)));
    record.at = Instant(Duration(row.integer(2)));
    record.direction = row.integer(3) == 0 ? Direction::input : Direction::output;
    record.weight = row.integer(4) == 0 ? Weight::routine : Weight::lasting;
    record.kind = row.text(5);
    record.subject.uplink = row.text(6);
    record.subject.set = row.text(7);
    if (!row.is_null(8))
        record.subject.family = row.integer(8) == 4 ? Family::ipv4 : Family::ipv6;
    record.subject.peer = row.text(9);
    record.payload = parsed(row.text(10));
    return record;
}

// The conditions of a filter; each `?` is bound in the same order by bind().
std::string conditions(const RecordFilter& filter) {
    std::string sql = " WHERE number > ?";
    if (filter.until)
        sql += " AND number <= ?";
    if (!filter.set.empty())
        sql += " AND prefix_set = ?";
    if (!filter.uplink.empty())
        sql += " AND uplink = ?";
    if (filter.family)
        sql += " AND (family = ? OR family IS NULL)";
    if (filter.weight)
        sql += " AND weight = ?";
    if (!filter.kinds.empty()) {
        sql += " AND kind IN (?";
        for (std::size_t i = 1; i < filter.kinds.size(); ++i)
            sql += ",?";
        sql += ")";
    }
    return sql;
}

int bind(const RecordFilter& filter, Statement& statement) {
    int place = 1;
    statement.bind(place++, static_cast<std::int64_t>(filter.after));
    if (filter.until)
        statement.bind(place++, static_cast<std::int64_t>(*filter.until));
    if (!filter.set.empty())
        statement.bind(place++, filter.set);
    if (!filter.uplink.empty())
        statement.bind(place++, filter.uplink);
    if (filter.family)
        statement.bind(place++, *filter.family == Family::ipv4 ? 4 : 6);
    if (filter.weight)
        statement.bind(place++, *filter.weight == Weight::routine ? 0 : 1);
    for (const std::string& kind : filter.kinds)
        statement.bind(place++, kind);
    return place;
}

}  // namespace

std::expected<Reader, JournalError> Reader::open(const std::filesystem::path& file) {
    auto database = Database::open(file, Database::Access::read);
    if (!database)
        return std::unexpected(database.error());
    if (auto checked = check_schema(*database); !checked)
        return std::unexpected(checked.error());
    return Reader(std::move(*database));
}

std::expected<std::vector<Record>, JournalError> Reader::select(const RecordFilter& filter,
                                                                std::size_t count,
                                                                const char* order) const {
    auto statement =
        database_.prepare(columns + conditions(filter) + " ORDER BY number " + order + " LIMIT ?");
    if (!statement)
        return std::unexpected(statement.error());
    const int last = bind(filter, *statement);
    statement->bind(last, static_cast<std::int64_t>(count));
    std::vector<Record> records;
    for (;;) {
        const auto has_row = statement->step();
        if (!has_row)
            return std::unexpected(has_row.error());
        if (!*has_row)
            break;
        records.push_back(record_of(*statement));
    }
    for (Record& record : records)
        if (auto added = add_causes(record); !added)
            return std::unexpected(added.error());
    return records;
}

std::expected<void, JournalError> Reader::add_causes(Record& record) const {
    auto statement = database_.prepare("SELECT cause FROM cause WHERE number = ? ORDER BY cause");
    if (!statement)
        return std::unexpected(statement.error());
    statement->bind(1, static_cast<std::int64_t>(record.number));
    for (;;) {
        const auto has_row = statement->step();
        if (!has_row)
            return std::unexpected(has_row.error());
        if (!*has_row)
            return {};
        record.causes.push_back(static_cast<RecordNumber>(statement->integer(0)));
    }
}

std::expected<std::vector<Record>, JournalError> Reader::tail(const RecordFilter& filter,
                                                              std::size_t count) const {
    auto records = select(filter, count, "DESC");
    if (records)
        std::ranges::reverse(*records);
    return records;
}

std::expected<std::vector<Record>, JournalError> Reader::next(const RecordFilter& filter,
                                                              std::size_t count) const {
    return select(filter, count, "ASC");
}

std::expected<std::vector<Record>, JournalError> Reader::chain(RecordNumber number,
                                                               std::size_t count) const {
    auto statement = database_.prepare(std::string(columns) + " WHERE number = ?");
    if (!statement)
        return std::unexpected(statement.error());
    std::vector<Record> records;
    std::set<RecordNumber> seen{number};
    std::deque<RecordNumber> waiting{number};
    while (!waiting.empty() && records.size() < count) {
        statement->bind(1, static_cast<std::int64_t>(waiting.front()));
        waiting.pop_front();
        const auto has_row = statement->step();
        if (!has_row)
            return std::unexpected(has_row.error());
        if (*has_row) {
            records.push_back(record_of(*statement));
            if (auto added = add_causes(records.back()); !added)
                return std::unexpected(added.error());
            for (const RecordNumber cause : records.back().causes)
                if (seen.insert(cause).second)
                    waiting.push_back(cause);
        }
        statement->reset();
    }
    std::ranges::sort(records, {}, &Record::number);
    return records;
}

std::expected<std::optional<StateEntry>, JournalError> Reader::state(const std::string& key) const {
    auto statement = database_.prepare("SELECT wall, number, payload FROM state WHERE key = ?");
    if (!statement)
        return std::unexpected(statement.error());
    statement->bind(1, key);
    const auto has_row = statement->step();
    if (!has_row)
        return std::unexpected(has_row.error());
    if (!*has_row)
        return std::nullopt;
    return StateEntry{key, WallTime(Duration(statement->integer(0))),
                      static_cast<RecordNumber>(statement->integer(1)), parsed(statement->text(2))};
}

}  // namespace detour::observe
