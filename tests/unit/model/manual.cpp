// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour.yaml(5) against the table of keys: each key has its entry in its section, with type,
// default and an example that begins with it.
#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "conf/model/keys.h"

namespace {

struct Entry {
    bool has_type = false;
    bool has_default = false;
    std::string example;
};

using Manual = std::map<std::string, std::map<std::string, Entry>>;  // section -> key

std::string behind(const std::string& line, const std::string& macro) {
    return line.starts_with(macro) ? line.substr(macro.size()) : "";
}

Manual read_manual() {
    std::ifstream page(SOURCE_DIR "/conf/system/man/detour.yaml.5");
    REQUIRE(page.is_open());
    Manual manual;
    std::map<std::string, Entry>* section = nullptr;
    Entry* entry = nullptr;
    for (std::string line; std::getline(page, line);) {
        if (std::string name = behind(line, ".Ss "); !name.empty()) {
            name.front() = static_cast<char>(name.front() | 0x20);
            section = &manual[name];
        } else if (line.starts_with(".Sh ")) {
            section = nullptr;
            entry = nullptr;
        } else if (const std::string key = behind(line, ".It Ic "); section && !key.empty()) {
            entry = &(*section)[key];
        } else if (entry != nullptr) {
            entry->has_type = entry->has_type || line.starts_with("Type: ");
            entry->has_default = entry->has_default || line.starts_with("Default: ");
            if (line.starts_with(".Dl "))
                entry->example = behind(line, ".Dl ");
        }
    }
    return manual;
}

}  // namespace

TEST_CASE("detour.yaml(5) has every key of the model, with type, default and example") {
    const Manual manual = read_manual();
    for (const auto& section : detour::model::keys::sections) {
        CAPTURE(section.name);
        const auto found = manual.find(std::string(section.name));
        REQUIRE_MESSAGE(found != manual.end(), "add the section to conf/system/man/detour.yaml.5");
        for (const auto& key : section.keys) {
            CAPTURE(key);
            const auto entry = found->second.find(std::string(key));
            REQUIRE_MESSAGE(entry != found->second.end(),
                            "add the key to conf/system/man/detour.yaml.5");
            CHECK(entry->second.has_type);
            CHECK(entry->second.has_default);
            CHECK(entry->second.example.starts_with(std::string(key) + ": "));
        }
    }
}

TEST_CASE("detour.yaml(5) has no key that the model does not know") {
    for (const auto& [name, entries] : read_manual()) {
        CAPTURE(name);
        const detour::model::keys::Section* known = nullptr;
        for (const auto& section : detour::model::keys::sections)
            if (section.name == name)
                known = &section;
        REQUIRE(known != nullptr);
        CHECK(entries.size() == known->keys.size());
    }
}
