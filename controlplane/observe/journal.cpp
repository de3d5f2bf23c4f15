// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/journal.h"

#include <sys/stat.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "controlplane/observe/database.h"
#include "controlplane/observe/schema.h"

namespace detour::observe {
namespace {

// Every so many ordinary commits one is forced to the disk, too.
constexpr int commits_between_syncs = 4;
// Rows that go at once when the file is full, and how often its size is looked at.
constexpr std::int64_t prune_count = 4096;
constexpr int commits_between_prunes = 32;

std::int64_t number_of(Family family) {
    return family == Family::ipv4 ? 4 : 6;
}

// Names of people and peers may hold any bytes; SQLite and JSON want UTF-8.
std::string text_of(const nlohmann::json& payload) {
    return payload.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

struct Item {
    std::variant<Record, StateEntry> content;
    Journal::Done done;  // empty: not durable
};

// Rows that are not in the journal; their first number is free to say so.
struct Loss {
    std::uint64_t count = 0;
    RecordNumber number = 0;
    WallTime wall;
    Instant at;

    void add(const Item& item) {
        const auto* record = std::get_if<Record>(&item.content);
        if (record == nullptr)
            return;
        if (count++ == 0) {
            number = record->number;
            wall = record->wall;
            at = record->at;
        }
    }
};

}  // namespace

class Journal::Writer {
 public:
    Writer(Database database, const JournalLimits& limits)
        : database_(std::move(database)), limits_(limits) {}

    ~Writer() {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        woken_.notify_all();
        if (thread_.joinable())
            thread_.join();
    }

    std::expected<void, JournalError> start();
    void push(Item item);
    void flush();
    JournalHealth health() const {
        const std::lock_guard lock(mutex_);
        return health_;
    }
    RecordNumber first_number() const { return first_number_; }

 private:
    void run();
    void write(std::deque<Item> items, const Loss& loss);
    std::expected<void, JournalError> commit(const std::deque<Item>& items, const Loss& loss,
                                             const char* synchronous);
    std::expected<void, JournalError> insert(const Record& record);
    std::expected<void, JournalError> insert(const Record& record, Statement& statement);
    std::expected<void, JournalError> insert(const StateEntry& entry);
    std::expected<void, JournalError> insert(const Loss& loss);
    std::expected<std::int64_t, JournalError> prune();
    std::expected<std::int64_t, JournalError> prune_some(Weight weight);

    // The journal's thread.
    Database database_;
    JournalLimits limits_;
    std::optional<Statement> insert_record_;
    std::optional<Statement> insert_loss_;
    std::optional<Statement> insert_cause_;
    std::optional<Statement> keep_cause_;
    std::optional<Statement> insert_state_;
    RecordNumber first_number_ = 1;
    int commits_since_sync_ = 0;
    int commits_since_prune_ = 0;

    // Shared.
    mutable std::mutex mutex_;
    std::condition_variable woken_;
    std::condition_variable written_;
    std::deque<Item> queue_;
    std::uint64_t pushed_ = 0;
    std::uint64_t finished_ = 0;
    Loss unsaid_;
    bool is_urgent_ = false;
    bool is_stopping_ = false;
    JournalHealth health_;

    std::thread thread_;
};

std::expected<void, JournalError> Journal::Writer::start() {
    const auto last = database_.integer("SELECT max(number) FROM record");
    if (!last)
        return std::unexpected(last.error());
    first_number_ = static_cast<RecordNumber>(*last) + 1;
    const auto prepare = [&](std::optional<Statement>& statement, const char* sql) {
        auto prepared = database_.prepare(sql);
        if (!prepared)
            return std::expected<void, JournalError>(std::unexpected(prepared.error()));
        statement.emplace(std::move(*prepared));
        return std::expected<void, JournalError>();
    };
    const std::pair<std::optional<Statement>*, const char*> statements[] = {
        {&insert_record_, "INSERT INTO record VALUES (?,?,?,?,?,?,?,?,?,?,?)"},
        // A number that is taken after all must not stop the journal for good.
        {&insert_loss_, "INSERT OR IGNORE INTO record VALUES (?,?,?,?,?,?,?,?,?,?,?)"},
        {&insert_cause_, "INSERT OR IGNORE INTO cause VALUES (?,?)"},
        {&keep_cause_, "UPDATE record SET weight = 1 WHERE number = ? AND weight = 0"},
        {&insert_state_, "INSERT OR REPLACE INTO state VALUES (?,?,?,?)"},
    };
    for (const auto& [statement, sql] : statements)
        if (auto prepared = prepare(*statement, sql); !prepared)
            return prepared;
    thread_ = std::thread([this] { run(); });
    return {};
}

void Journal::Writer::push(Item item) {
    const std::lock_guard lock(mutex_);
    const bool is_durable = static_cast<bool>(item.done);
    if (!is_durable && queue_.size() >= limits_.queue_count) {
        unsaid_.add(item);
        ++health_.lost;
        return;
    }
    queue_.push_back(std::move(item));
    ++pushed_;
    if (is_durable)
        is_urgent_ = true;
    if (is_durable || queue_.size() == 1)
        woken_.notify_one();
}

void Journal::Writer::flush() {
    std::unique_lock lock(mutex_);
    const std::uint64_t target = pushed_;
    is_urgent_ = true;
    woken_.notify_one();
    written_.wait(lock, [&] { return finished_ >= target; });
}

void Journal::Writer::run() {
    for (;;) {
        std::deque<Item> items;
        Loss loss;
        {
            std::unique_lock lock(mutex_);
            woken_.wait(lock, [&] { return is_stopping_ || !queue_.empty(); });
            woken_.wait_for(lock, limits_.interval, [&] { return is_stopping_ || is_urgent_; });
            if (queue_.empty() && is_stopping_)
                return;
            items.swap(queue_);
            loss = std::exchange(unsaid_, {});
            is_urgent_ = false;
        }
        write(std::move(items), loss);
    }
}

void Journal::Writer::write(std::deque<Item> items, const Loss& loss) {
    const bool is_durable =
        std::ranges::any_of(items, [](const Item& item) { return static_cast<bool>(item.done); });
    const bool is_synced = is_durable || ++commits_since_sync_ >= commits_between_syncs;
    const auto outcome = commit(items, loss, is_synced ? "FULL" : "NORMAL");
    if (is_synced)
        commits_since_sync_ = 0;
    if (!outcome)
        // What is left of the transaction; there may be none.
        static_cast<void>(database_.execute("ROLLBACK"));
    for (const Item& item : items)
        if (item.done)
            item.done(outcome);
    std::int64_t pruned = 0;
    if (outcome && ++commits_since_prune_ >= commits_between_prunes) {
        commits_since_prune_ = 0;
        pruned = prune().value_or(0);
    }
    const std::lock_guard lock(mutex_);
    finished_ += items.size();
    health_.pruned += static_cast<std::uint64_t>(pruned);
    health_.error = outcome ? "" : outcome.error().message;
    if (outcome) {
        health_.written += items.size();
    } else {
        // What was lost before comes first: its number is the lower one.
        Loss all = loss;
        for (const Item& item : items)
            all.add(item);
        all.count += unsaid_.count;
        if (all.number == 0)
            all = unsaid_;
        unsaid_ = all;
        health_.lost += items.size();
    }
    written_.notify_all();
}

std::expected<void, JournalError> Journal::Writer::commit(const std::deque<Item>& items,
                                                          const Loss& loss,
                                                          const char* synchronous) {
    if (auto begun = database_.execute(std::string("PRAGMA synchronous = ") + synchronous +
                                       "; BEGIN IMMEDIATE");
        !begun)
        return begun;
    if (loss.count != 0)
        if (auto said = insert(loss); !said)
            return said;
    for (const Item& item : items) {
        auto inserted =
            std::visit([&](const auto& content) { return insert(content); }, item.content);
        if (!inserted)
            return inserted;
    }
    return database_.execute("COMMIT");
}

std::expected<void, JournalError> Journal::Writer::insert(const Record& record) {
    return insert(record, *insert_record_);
}

std::expected<void, JournalError> Journal::Writer::insert(const Record& record,
                                                          Statement& statement) {
    statement.bind(1, static_cast<std::int64_t>(record.number))
        .bind(2, record.wall.time_since_epoch().count())
        .bind(3, record.at.time_since_epoch().count())
        .bind(4, record.direction == Direction::input ? 0 : 1)
        .bind(5, record.weight == Weight::routine ? 0 : 1)
        .bind(6, record.kind)
        .bind_optional(7, record.subject.uplink)
        .bind_optional(8, record.subject.set)
        .bind_optional(10, record.subject.peer)
        .bind(11, text_of(record.payload));
    if (record.subject.family)
        statement.bind(9, number_of(*record.subject.family));
    if (auto inserted = statement.run(); !inserted)
        return inserted;
    for (const RecordNumber cause : record.causes) {
        insert_cause_->bind(1, static_cast<std::int64_t>(record.number))
            .bind(2, static_cast<std::int64_t>(cause));
        if (auto inserted = insert_cause_->run(); !inserted)
            return inserted;
        if (record.weight == Weight::routine)
            continue;
        keep_cause_->bind(1, static_cast<std::int64_t>(cause));
        if (auto kept = keep_cause_->run(); !kept)
            return kept;
    }
    return {};
}

std::expected<void, JournalError> Journal::Writer::insert(const StateEntry& entry) {
    insert_state_->bind(1, entry.key)
        .bind(2, entry.wall.time_since_epoch().count())
        .bind(3, static_cast<std::int64_t>(entry.number))
        .bind(4, text_of(entry.payload));
    return insert_state_->run();
}

std::expected<void, JournalError> Journal::Writer::insert(const Loss& loss) {
    Record record;
    record.number = loss.number;
    record.wall = loss.wall;
    record.at = loss.at;
    record.direction = Direction::output;
    record.weight = Weight::lasting;
    record.kind = kind::lost;
    record.payload = {{"count", loss.count}};
    return insert(record, *insert_loss_);
}

std::expected<std::int64_t, JournalError> Journal::Writer::prune() {
    std::int64_t pruned = 0;
    for (;;) {
        const auto size = database_.integer(
            "SELECT (page_count - freelist_count) * page_size "
            "FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()");
        if (!size)
            return std::unexpected(size.error());
        if (static_cast<std::uint64_t>(*size) <= limits_.size)
            break;
        auto gone = prune_some(Weight::routine);
        if (gone && *gone == 0)
            gone = prune_some(Weight::lasting);
        if (!gone || *gone == 0)
            return gone ? pruned : gone;
        pruned += *gone;
    }
    if (pruned != 0)
        static_cast<void>(database_.execute("PRAGMA incremental_vacuum"));
    return pruned;
}

std::expected<std::int64_t, JournalError> Journal::Writer::prune_some(Weight weight) {
    const std::string old = "(SELECT number FROM record WHERE weight = " +
                            std::string(weight == Weight::routine ? "0" : "1") +
                            " ORDER BY number LIMIT " + std::to_string(prune_count) + ")";
    if (auto gone = database_.execute("BEGIN; DELETE FROM cause WHERE number IN " + old); !gone)
        return std::unexpected(gone.error());
    if (auto gone = database_.execute("DELETE FROM record WHERE number IN " + old); !gone)
        return std::unexpected(gone.error());
    const std::int64_t count = database_.changes();
    if (auto done = database_.execute("COMMIT"); !done)
        return std::unexpected(done.error());
    return count;
}

Journal::Journal(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}
Journal::~Journal() = default;

std::expected<std::unique_ptr<Journal>, JournalError> Journal::open(
    const std::filesystem::path& file, const JournalLimits& limits) {
    auto database = Database::open(file, Database::Access::write);
    if (!database)
        return std::unexpected(database.error());
    // Peers, prefixes and verdicts are nobody's business but the operator's.
    ::chmod(file.c_str(), 0640);
    if (auto prepared = prepare_schema(*database); !prepared)
        return std::unexpected(prepared.error());
    if (auto set = database->execute("PRAGMA journal_mode = WAL"); !set)
        return std::unexpected(set.error());
    auto writer = std::make_unique<Writer>(std::move(*database), limits);
    if (auto started = writer->start(); !started)
        return std::unexpected(started.error());
    return std::unique_ptr<Journal>(new Journal(std::move(writer)));
}

RecordNumber Journal::first_number() const {
    return writer_->first_number();
}
void Journal::append(Record record) {
    writer_->push({std::move(record), {}});
}
void Journal::append_durable(Record record, Done done) {
    writer_->push({std::move(record), std::move(done)});
}
void Journal::save(StateEntry entry, Done done) {
    writer_->push({std::move(entry), std::move(done)});
}
void Journal::flush() {
    writer_->flush();
}
JournalHealth Journal::health() const {
    return writer_->health();
}

}  // namespace detour::observe
