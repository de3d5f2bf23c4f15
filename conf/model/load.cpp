// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <system_error>

#include "conf/model/assemble.h"
#include "conf/model/document.h"
#include "conf/model/draft.h"
#include "conf/model/overrides.h"
#include "conf/model/rules.h"
#include "conf/model/versions.h"

namespace detour::model {
namespace {

void check(const Draft& draft, const Complaints& complaints) {
    if (!check_counts(draft, complaints))
        return;
    check_router(draft, complaints);
    check_names(draft, complaints);
    check_ports(draft, complaints);
    check_uplinks(draft, complaints);
    check_sessions(draft, complaints);
    check_prefix_sets(draft, complaints);
    check_evidence(draft, complaints);
    check_policy(draft, complaints);
}

// Paths are those of effective.h: a list is one value.
void note_written(const Node& node, const std::string& path,
                  std::map<std::string, Position>& written) {
    if (node.kind != Node::Kind::map) {
        if (node.kind != Node::Kind::nothing)
            written.emplace(path, node.position);
        return;
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) {
        std::string below = path;
        if (!below.empty())
            below += '.';
        note_written(node.items[i], below += node.keys[i].text, written);
    }
}

struct Temporary {
    const Node& document;
    std::span<const OverrideDraft> overrides;
    const std::filesystem::path& directory;
    const SourceText& source;
};

// What comes into force when an override ends must be good too: nobody is there to mend it.
void check_ends(const Temporary& temporary, WallTime now, const Complaints& complaints) {
    for (const OverrideDraft& ending : temporary.overrides) {
        if (!ending.is_in_force(now))
            continue;
        Diagnostics later;
        const Complaints heard(temporary.source, later);
        const Node document =
            with_overrides(temporary.document, temporary.overrides, ending.until->value);
        check(read_draft(document, temporary.directory, heard), heard);
        const auto error = std::ranges::find(later, Severity::error, &Diagnostic::severity);
        if (error != later.end())
            complaints.error(ending.until->place,
                             fmt::format("what holds from then on is refused: {}: {}", error->path,
                                         error->message));
    }
}

Diagnostics unreadable(const std::filesystem::path& file, std::string reason) {
    return {{Severity::error, file.native(), {}, "document", std::move(reason), ""}};
}

}  // namespace

std::expected<Config, Diagnostics> parse(std::string_view text, const std::filesystem::path& name,
                                         WallTime now) {
    return parse(text, name, now, versions());
}

std::expected<Config, Diagnostics> parse(std::string_view text, const std::filesystem::path& name,
                                         WallTime now, const Versions& versions) {
    const SourceText source(text, name.native());
    Diagnostics diagnostics;
    const Complaints complaints(source, diagnostics);
    std::error_code ignored;
    const auto directory = std::filesystem::absolute(name, ignored).parent_path();
    Node document = read_document(text, source, diagnostics);
    upgrade(document, versions, complaints);
    const std::vector<OverrideDraft> overrides = read_overrides(document, now, complaints);
    const Node in_force = with_overrides(document, overrides, now);
    const Draft draft = read_draft(in_force, directory, complaints);
    check(draft, complaints);
    if (!has_errors(diagnostics))
        check_ends({document, overrides, directory, source}, now, complaints);

    std::stable_sort(
        diagnostics.begin(), diagnostics.end(),
        [](const Diagnostic& a, const Diagnostic& b) { return a.position < b.position; });
    if (has_errors(diagnostics))
        return std::unexpected(std::move(diagnostics));
    Config config = assemble(draft);
    config.file = name;
    config.overrides = assemble(overrides, now);
    config.warnings = std::move(diagnostics);
    note_written(in_force, "", config.written);
    return config;
}

std::expected<Config, Diagnostics> load(const std::filesystem::path& file, WallTime now) {
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored))
        return std::unexpected(unreadable(file, "this is a directory; name the file in it"));
    std::ifstream stream(file, std::ios::binary);
    if (!stream)
        return std::unexpected(unreadable(
            file,
            fmt::format("cannot be read: {}; name another with --config", std::strerror(errno))));
    // One byte beyond the limit is enough to see that it is exceeded.
    std::string text(max_text_size + 1, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(stream.gcount()));
    return parse(text, file, now);
}

}  // namespace detour::model
