// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The promise of `version:`. What a file of a version means does not change: a newer detour reads
// it, as the same, and says what is written otherwise today. A file of a later version is refused,
// since it may mean by a known key what we do not know.
//
// How: a step from each version to the next rewrites the document before anything else looks at
// it, so that only the newest form has readers and rules. Whatever a step moves keeps its place in
// the file, and messages point there. Where a default changed, the step writes the old one down.
// The file on the disk is never touched.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "conf/model/reader.h"

namespace detour::model {

// What a step may do to a document. Each thing done is said as a note at its place; what the file
// does not give is passed over in silence, but for defaults.
class Rewriting {
 public:
    // `of` and `to` are versions.
    Rewriting(Node& document, unsigned of, unsigned to, const Complaints& complaints)
        : document_(document), of_(of), to_(to), complaints_(complaints) {}

    // In every map that `section` names ("policy", "uplinks.*.bgp"; empty: the document).
    void rename(std::string_view section, std::string_view key, std::string_view new_name) const;
    // Without the key the section means what it meant: `value` is written in. A section that is
    // not there is made, unless it is one of several (*).
    void keep_default(std::string_view section, std::string_view key, std::string_view value) const;
    // It has no meaning any more.
    void drop(std::string_view section, std::string_view key, std::string_view why) const;

 private:
    void say(const Place& place, std::string_view what) const;

    Node& document_;
    unsigned of_;
    unsigned to_;
    const Complaints& complaints_;
};

// From the version before `to`.
struct VersionStep {
    unsigned to;
    void (*rewrite)(const Rewriting& document);
};

struct Versions {
    unsigned current;
    std::span<const VersionStep> steps;  // one for each version from 2 to the current one
};

// This detour's. Tests have others.
[[nodiscard]] const Versions& versions();

// "this detour reads version: 1"
[[nodiscard]] std::string what_is_read(const Versions& versions);

// Brings the document to the current version, or complains about a version that is no number or is
// later. Without one nothing is done: its reader misses it.
void upgrade(Node& document, const Versions& versions, const Complaints& complaints);

}  // namespace detour::model
